//! What every store promises, as one suite: [`conformance!`](crate::conformance) stamps it on a store.
//!
//! The suite speaks the contract, so that it runs on an engine in this process and through gRPC alike.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "each behaviour is a test; its name says what is promised"
)]

pub mod accounts;
pub mod batches;
pub mod collections;
pub mod idempotency;
pub mod imports;
pub mod judged;
pub mod lists;
pub mod owned;
pub mod queries;
pub mod records;
pub mod schemas;
pub mod sessions;
pub mod walk;
pub mod writers;

use bytes::Bytes;
use skep_proto::{
    Code, Contract, Error,
    v1::{patch_record_request::Patch, *},
};
use tonic::Request;
use uuid::Uuid;

/// Stamps every behaviour as a test. `$open` is a future that yields a guard and an `Arc<dyn Contract>`.
#[macro_export]
macro_rules! conformance {
    ($open:expr) => {
        $crate::behaviours!(conformance_tests, $open);
    };
}

/// The list of the behaviours: passed on to `$then` with `$argument` before it.
#[macro_export]
macro_rules! behaviours {
    ($then:ident, $argument:expr) => {
        $crate::$then! { $argument;
            collections: is_defined_read_redefined_and_deleted;
            collections: lists_by_name_in_pages;
            collections: refuses_a_definition_that_cannot_be_in_force;
            collections: with_records_is_deleted_only_by_force;
            collections: defined_again_begins_empty;
            collections: is_made_by_one_of_many_definers;
            records: is_created_and_read;
            records: keeps_its_data_to_the_byte;
            records: refuses_data_that_cannot_be_kept;
            records: takes_an_id_once;
            records: refuses_names_of_another_form;
            records: is_replaced_or_made;
            records: is_written_only_under_its_condition;
            records: is_patched_by_merge_and_by_operations;
            records: is_deleted_once;
            records: counts_on_when_it_is_made_again;
            records: belongs_to_its_maker;
            records: is_refused_in_few_words;
            idempotency: a_keyed_create_makes_one_record;
            idempotency: a_key_stands_for_one_request;
            idempotency: a_keyed_write_is_applied_once;
            idempotency: a_keyed_replacement_says_again_that_it_created;
            idempotency: a_keyed_delete_is_repeated_quietly;
            idempotency: a_deleted_record_is_said_to_be_gone;
            idempotency: a_key_is_its_callers_and_its_collections;
            idempotency: a_key_out_of_sight_is_unknown_never_guessed;
            idempotency: a_refused_write_is_judged_anew;
            idempotency: a_mutation_repeated_is_the_same_write;
            idempotency: a_late_attempt_is_unknown_never_made_twice;
            idempotency: a_malformed_request_does_not_use_its_key_up;
            idempotency: racing_repetitions_apply_once;
            judged: a_write_is_made_of_what_was_judged;
            judged: to_be_overtaken_is_told_before_the_condition;
            judged: a_repetition_is_answered_whatever_was_judged;
            judged: racing_judgements_count_exactly;
            judged: a_patch_is_foreseen_without_being_made;
            writers: conditional_increments_count_exactly;
            writers: unconditional_patches_all_apply;
            writers: one_of_many_creators_wins;
            writers: a_crowd_on_one_record_is_served;
            batches: makes_each_write_on_its_own;
            batches: writes_of_one_record_are_made_in_order;
            batches: a_keyed_batch_is_made_once;
            batches: a_keyed_batch_goes_on_where_it_broke_off;
            batches: a_key_is_claimed_for_one_request;
            batches: racing_batches_apply_once;
            batches: takes_a_hundred_writes_of_its_collection;
            batches: tells_of_large_records_what_fits;
            schemas: is_asked_of_whatever_is_written;
            schemas: is_refused_if_it_cannot_be_in_force;
            schemas: changes_nothing_that_is_stored;
            schemas: counts_the_records_that_do_not_fit;
            schemas: a_repetition_is_answered_whatever_the_schema_says;
            schemas: a_refused_repetition_is_another_write;
            schemas: data_that_takes_too_long_to_check_is_refused;
            lists: shows_the_newest_first;
            lists: pages_neither_repeat_nor_skip_what_stays;
            lists: agrees_with_get;
            lists: bounds_its_pages;
            lists: binds_its_tokens;
            accounts: is_signed_up_read_and_deleted;
            accounts: takes_a_name_once_however_it_is_written;
            accounts: is_made_by_one_of_many_who_sign_up;
            accounts: a_sign_up_repeated_is_the_same_account;
            accounts: is_refused_what_it_cannot_be;
            accounts: refuses_names_of_another_account;
            accounts: is_listed_in_pages;
            accounts: is_changed_where_the_mask_says;
            accounts: a_change_repeated_is_the_same_change;
            accounts: a_deleted_name_is_free_again;
            accounts: shows_a_wrong_password_and_an_unknown_name_alike;
            sessions: is_signed_in_read_and_ended;
            sessions: sees_its_account_as_it_is;
            sessions: a_changed_password_ends_the_others_and_spares_one;
            sessions: a_session_that_is_over_is_not_spared;
            sessions: ends_with_what_ends_its_account;
            sessions: ends_in_time_and_is_extended;
            sessions: is_listed_in_pages_of_those_in_force;
            sessions: refuses_what_is_not_of_its_form;
            sessions: racing_ends_and_extensions_leave_it_over;
            owned: shows_what_an_account_made;
            owned: follows_who_made_a_record_again;
            owned: neither_repeats_nor_skips_what_stays;
            owned: bounds_the_pages_of_an_owner;
            owned: binds_its_tokens_to_the_filter;
            queries: finds_what_a_walk_finds;
            queries: builds_an_index_of_what_is_there;
            queries: refuses_what_no_index_serves;
            queries: binds_its_tokens_to_the_query;
            queries: counts_and_chooses_fields;
            queries: follows_what_changes;
            imports: brings_records_in_as_they_were;
            imports: brings_in_what_is_later_and_nothing_twice;
            imports: brings_back_what_was_deleted_version_by_version;
            imports: refuses_records_that_cannot_be;
            imports: racing_imports_bring_each_record_once;
            imports: defines_collections_as_they_were;
            imports: brings_accounts_in_with_their_passwords;
        }
    };
}

/// Makes a test of each behaviour.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($open:expr; $($area:ident: $behaviour:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let (_guard, contract) = $open.await;
                let house = $crate::store::conformance::House::build(contract).await;
                $crate::store::conformance::$area::$behaviour(house).await;
            }
        )*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_names {
    ($argument:expr; $($area:ident: $behaviour:ident;)*) => { &[$(stringify!($behaviour)),*] };
}

/// The names of the behaviours.
pub const BEHAVIOURS: &[&str] = crate::behaviours!(conformance_names, ());

/// A collection of its own in the store that is tested.
#[derive(Clone)]
pub struct House {
    contract: std::sync::Arc<dyn Contract>,
    /// `collections/{collection}`.
    name: String,
}

type Answer<T> = Result<T, Code>;

impl House {
    /// Defines a collection with a name that no other test has.
    pub async fn build(contract: std::sync::Arc<dyn Contract>) -> Self {
        let house = Self { contract, name: format!("collections/c{}", Uuid::now_v7().simple()) };
        house.define(&house.name).await.expect("a definition");
        house
    }

    async fn define(&self, name: &str) -> Answer<UpdateCollectionResponse> {
        let collection = Some(Collection { name: name.into(), ..Default::default() });
        let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
        self.contract.update_collection(Request::new(asked)).await.map_err(code)
    }

    async fn delete_collection(&self, name: &str, force: bool) -> Answer<()> {
        let asked = DeleteCollectionRequest { name: name.into(), force };
        self.contract.delete_collection(Request::new(asked)).await.map(drop).map_err(code)
    }

    fn named(&self, id: &str) -> String {
        format!("{}/records/{id}", self.name)
    }

    async fn create(&self, data: &str) -> Record {
        self.ask_create(CreateRecordRequest { record: body(data), ..Default::default() }).await.expect("a record")
    }

    async fn ask_create(&self, asked: CreateRecordRequest) -> Answer<Record> {
        let asked = CreateRecordRequest { parent: self.name.clone(), ..asked };
        let response = self.contract.create_record(Request::new(asked)).await.map_err(code)?;
        Ok(response.record.expect("a record in the answer"))
    }

    async fn get(&self, id: &str) -> Answer<Record> {
        let asked = GetRecordRequest { name: self.named(id) };
        let response = self.contract.get_record(Request::new(asked)).await.map_err(code)?;
        Ok(response.record.expect("a record in the answer"))
    }

    /// Replaces, or makes; the flag says which.
    async fn put(&self, id: &str, data: &str, etag: &str, asked: UpdateRecordRequest) -> Answer<(Record, bool)> {
        let record = Record { name: self.named(id), etag: etag.into(), ..body(data).unwrap_or_default() };
        let asked = UpdateRecordRequest { record: Some(record), ..asked };
        let response = self.contract.update_record(Request::new(asked)).await.map_err(code)?;
        Ok((response.record.expect("a record in the answer"), response.created))
    }

    async fn upsert(&self, id: &str, data: &str, etag: &str) -> Answer<(Record, bool)> {
        self.put(id, data, etag, UpdateRecordRequest { allow_missing: true, ..Default::default() }).await
    }

    async fn merge(&self, id: &str, patch: &str, etag: &str) -> Answer<Record> {
        self.ask_patch(id, PatchRecordRequest { etag: etag.into(), ..merge_patch(patch) }).await
    }

    async fn ask_patch(&self, id: &str, asked: PatchRecordRequest) -> Answer<Record> {
        let asked = PatchRecordRequest { name: self.named(id), ..asked };
        let response = self.contract.patch_record(Request::new(asked)).await.map_err(code)?;
        Ok(response.record.expect("a record in the answer"))
    }

    async fn delete(&self, id: &str, etag: &str) -> Answer<()> {
        self.ask_delete(id, DeleteRecordRequest { etag: etag.into(), ..Default::default() }).await
    }

    async fn ask_delete(&self, id: &str, asked: DeleteRecordRequest) -> Answer<()> {
        let asked = DeleteRecordRequest { name: self.named(id), ..asked };
        self.contract.delete_record(Request::new(asked)).await.map(drop).map_err(code)
    }

    async fn page(&self, size: i32, token: &str) -> Answer<ListRecordsResponse> {
        let asked = ListRecordsRequest { page_size: size, page_token: token.into(), ..Default::default() };
        self.ask_page(asked).await
    }

    async fn ask_page(&self, asked: ListRecordsRequest) -> Answer<ListRecordsResponse> {
        let asked = ListRecordsRequest { parent: self.name.clone(), ..asked };
        self.contract.list_records(Request::new(asked)).await.map_err(code)
    }

    /// Every record, page by page.
    async fn all(&self, page_size: i32) -> Vec<Record> {
        self.every(ListRecordsRequest { page_size, ..Default::default() }).await
    }

    /// Every record that is asked for, page by page.
    async fn every(&self, asked: ListRecordsRequest) -> Vec<Record> {
        let asked = ListRecordsRequest { parent: self.name.clone(), ..asked };
        walk::every(&*self.contract, asked).await.expect("a page")
    }
}

#[allow(clippy::needless_pass_by_value, reason = "stands in map_err")]
fn code(error: Error) -> Code {
    error.code
}

#[allow(clippy::unnecessary_wraps, reason = "stands where a message has a field")]
fn body(data: &str) -> Option<Record> {
    Some(Record { data: Bytes::copy_from_slice(data.as_bytes()), ..Default::default() })
}

fn merge_patch(patch: &str) -> PatchRecordRequest {
    let patch = Some(Patch::MergePatch(Bytes::copy_from_slice(patch.as_bytes())));
    PatchRecordRequest { patch, ..Default::default() }
}

fn id(record: &Record) -> &str {
    record.name.rsplit('/').next().unwrap_or_default()
}

fn text(record: &Record) -> &str {
    str::from_utf8(&record.data).expect("UTF-8")
}
