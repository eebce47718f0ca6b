use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::{REGISTRY, Swarm, alone, run};
use crate::program::built;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/swarm");
const VARIANTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/variants");
const DOCKERFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/images/Dockerfile");
/// The targets of the Dockerfile, each with the binary of its name.
const BINARIES: [&str; 3] = ["gate", "storage", "skep"];

impl Swarm {
    /// Where the stack finds its images.
    pub fn registry(&self) -> &'static str {
        REGISTRY
    }

    /// Builds the images of our binaries from what cargo built, with the Dockerfile of `deploy/` on a base made of this
    /// machine's libraries, and pushes them as each of `versions`; gives the size of each image in bytes.
    pub async fn push_ours(&self, versions: &[&str]) -> anyhow::Result<Vec<(&'static str, u64)>> {
        let folder = PathBuf::from("/run/skep-images");
        let (base, binaries) = (folder.join("base"), folder.join("binaries"));
        fs::create_dir_all(binaries.join("out/empty"))?;
        // Whom they believe is told to each.
        fs::write(binaries.join("out/ca.pem"), "")?;
        let files = BINARIES.map(built).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        for (name, file) in BINARIES.iter().zip(&files) {
            let (from, to) = (file.display().to_string(), binaries.join("out").join(name).display().to_string());
            run("strip", &["--strip-debug", "-o", &to, &from]).await?;
        }
        let libraries = libraries(&files).await?;
        let mut filled = vec![base.display().to_string()];
        filled.extend(libraries);
        run(&format!("{HERE}/rootfs"), &filled.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        self.import(&base, "base").await?;
        self.import(&binaries, "binaries").await?;
        for version in versions {
            for name in &BINARIES[..2] {
                self.build(name, version).await?;
            }
        }
        self.build("skep", versions[0]).await?;
        let mut sizes = Vec::new();
        for name in BINARIES {
            let image = self.manager().ask(&format!("/images/{}/json", tag(name, versions[0]))).await?;
            sizes.push((name, image["Size"].as_u64().context("no size")?));
        }
        fs::remove_dir_all(&folder)?;
        Ok(sizes)
    }

    /// Builds one target of the Dockerfile, labelled with its version, so that each version is another image.
    async fn build(&self, name: &str, version: &str) -> anyhow::Result<()> {
        let (tag, label) = (tag(name, version), format!("org.opencontainers.image.version={version}"));
        let context = Path::new(DOCKERFILE).parent().context("a folder")?.display().to_string();
        let args = [
            ["build", "--quiet"].as_slice(),
            &["--file", DOCKERFILE, "--target", name, "--tag", &tag, "--label", &label],
            &["--build-arg", "BASE=base", "--build-arg", "BINARIES=binaries", &context],
        ];
        let args = args.concat();
        self.build_with(&args).await?;
        self.push(&tag).await
    }

    /// Makes an image of a version that starts and is never ready, out of a good one.
    pub async fn push_bad(&self, name: &str, good: &str, bad: &str) -> anyhow::Result<()> {
        let folder = PathBuf::from("/run/skep-bad");
        fs::create_dir_all(&folder)?;
        // A flag goes before the variables that the stack gives.
        let text = format!(
            "FROM {}\nENTRYPOINT [\"/usr/local/bin/{name}\", \"--cassandra-hosts\", \"192.0.2.1:9042\"]\n",
            tag(name, good)
        );
        fs::write(folder.join("Dockerfile"), text)?;
        let (tag, context) = (tag(name, bad), folder.display().to_string());
        let args = ["build", "--quiet", "--tag", &tag, &context];
        self.build_with(&args).await?;
        self.push(&tag).await
    }

    async fn build_with(&self, args: &[&str]) -> anyhow::Result<()> {
        let mut command = self.manager().client_at(&builder().await?, args);
        let output = command.env("DOCKER_BUILDKIT", "1").output().await?;
        self.manager().checked(args, &output).map(drop)
    }

    /// Builds and pushes the image `parts`: Cassandra, Elasticsearch and Redis.
    pub async fn push_parts(&self) -> anyhow::Result<()> {
        let folder = PathBuf::from("/run/skep-parts");
        run(&format!("{HERE}/parts/build"), &[&folder.display().to_string()]).await?;
        let tag = format!("{REGISTRY}/parts");
        self.import(&folder, &tag).await?;
        fs::remove_dir_all(&folder)?;
        self.push(&tag).await
    }

    async fn push(&self, tag: &str) -> anyhow::Result<()> {
        self.manager().docker(&["push", "--quiet", tag]).await.map(drop)
    }

    /// Makes an image of one layer of a folder.
    async fn import(&self, folder: &Path, tag: &str) -> anyhow::Result<()> {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(folder).args(["-c", "."]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut tar = tar.spawn()?;
        let archive: Stdio = tar.stdout.take().context("piped")?.try_into()?;
        let args = ["import", "-", tag];
        let output: Output = self.manager().client(&args)?.stdin(archive).output().await?;
        self.manager().checked(&args, &output)?;
        ensure!(tar.wait().await?.success(), "tar of {}", folder.display());
        Ok(())
    }
}

fn tag(name: &str, version: &str) -> String {
    format!("{REGISTRY}/{name}:{version}")
}

/// The libraries that the binaries load.
async fn libraries(binaries: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let output = Command::new("ldd").args(binaries).output().await?;
    let text = String::from_utf8(output.stdout)?;
    let words = text.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    Ok(words.map(str::to_owned).collect())
}

/// A docker client that builds with `BuildKit`, which skips stages that nothing needs: one with buildx, or one from
/// before buildx was needed for it.
async fn builder() -> anyhow::Result<PathBuf> {
    for client in alone::all("docker") {
        let told = |args: &'static [&str]| Command::new(&client).args(args).output();
        let version = String::from_utf8(told(&["version", "--format", "{{.Client.Version}}"]).await?.stdout)?;
        let major: Option<u32> = version.split('.').next().and_then(|major| major.trim().parse().ok());
        if major.is_some_and(|major| major < 23) || told(&["buildx", "version"]).await?.status.success() {
            return Ok(client);
        }
    }
    anyhow::bail!("no docker client here can build with BuildKit; on Debian: apt-get install docker.io docker-buildx")
}

/// The small files of which a person may give one beside the stack file.
pub(super) fn variants() -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(VARIANTS)? {
        files.push(entry?.path().display().to_string());
    }
    ensure!(!files.is_empty(), "{VARIANTS} is empty");
    Ok(files)
}

/// One of them, by its name.
pub(super) fn variant(name: &str) -> String {
    format!("{VARIANTS}/{name}.yml")
}

/// What nodes of Cassandra beyond the third differ in.
pub(super) fn six() -> String {
    format!("{HERE}/six.yml")
}

/// Where the files for `docker stack` are.
pub(super) fn files() -> [String; 2] {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    [format!("{root}/deploy/stack.yml"), format!("{HERE}/override.yml")]
}
