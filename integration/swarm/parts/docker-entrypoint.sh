#!/usr/bin/env bash
# Does for a Cassandra that was fetched as jars what the entry point of its own image does: takes the
# variables that deploy/ gives, writes cassandra.yaml, and becomes Cassandra.
set -euo pipefail
folder=/var/lib/cassandra
address=$(getent hosts "$(hostname)" | awk 'NR == 1 { print $1 }')
mkdir -p "$folder/tmp"

# What deploy/ has to say itself is left out of the file.
# shellcheck disable=SC2016 # the file has places of this form
sed -e '/^#/d' -e '/^initial_token/d' -e '/^commitlog_sync:/d' -e '/^auto_bootstrap/d' \
  -e '/^paxos_variant/d' -e '/failure_policy/d' \
  -e "s|\${address}|$address|" -e "s|\${client_address}|$address|" \
  -e 's|${storage_port}|7000|' -e 's|${client_port}|9042|' -e 's|${num_tokens}|16|' \
  -e "s|\${seeds}|$CASSANDRA_SEEDS|" -e "s|skep-test|$CASSANDRA_CLUSTER_NAME|" \
  -e 's|${authenticator}|AllowAllAuthenticator|' -e 's|${authorizer}|AllowAllAuthorizer|' \
  -e 's|${encrypted}|false|' -e 's|${keystore}|none|' /opt/cassandra/cassandra.yaml >"$folder/cassandra.yaml"
# As in Cassandra's own file; deploy/cassandra/settings takes it back.
echo 'commitlog_sync: periodic' >>"$folder/cassandra.yaml"

# shellcheck disable=SC2086 # the options are words
exec java @/opt/cassandra/jvm.options -Xmx"$MAX_HEAP_SIZE" -javaagent:"$(echo /opt/cassandra/lib/jamm-*.jar)" \
  -Dcassandra.storagedir="$folder" -Dcassandra.logdir="$folder" -Djava.io.tmpdir="$folder/tmp" \
  -Dcassandra.jmx.local.port=7199 -Dcassandra.config="file://$folder/cassandra.yaml" -Dlogback.configurationFile=/opt/cassandra/logback.xml \
  ${JVM_EXTRA_OPTS:-} -cp '/opt/cassandra/lib/*' org.apache.cassandra.service.CassandraDaemon
