//! Models that Ollama has fetched, read from its folder and run by our own engine.
//!
//! Owns the layout of that folder: `manifests/<host>/<user>/<name>/<tag>` names layers by digest,
//! `blobs/sha256-<hex>` holds them
//! (<https://github.com/ollama/ollama/blob/main/manifest/manifest.go>). Asks no server and writes
//! nothing.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::cache;
use super::reference::OllamaRef;
use super::{GGUF_MAGIC, HubError, HubOptions, LocalModel};

/// Largest manifest that is read, in bytes; real ones take a kilobyte.
const MAX_MANIFEST: u64 = 1 << 20;
/// Most names that an error repeats.
const SHOWN: usize = 12;

const MODEL: &str = "application/vnd.ollama.image.model";
const ADAPTER: &str = "application/vnd.ollama.image.adapter";

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    size: u64,
}

/// The file of a model that Ollama has; the error says why there is none, and what there is.
pub(super) fn find(wanted: &OllamaRef, options: &HubOptions) -> Result<LocalModel, HubError> {
    let refused = |reason: String, hint: String| HubError::NotInOllama {
        name: wanted.to_string(),
        reason,
        hint,
    };
    let found = options.ollama.iter().find_map(|store| {
        let manifest = store.join("manifests").join(&wanted.path).join(&wanted.tag);
        manifest.is_file().then_some((store, manifest))
    });
    let Some((store, manifest)) = found else {
        return Err(refused(known(options), format!("run 'ollama pull {wanted}'")));
    };
    model(store, &manifest)
        .map(|(path, sha256)| LocalModel {
            path,
            sha256: Some(sha256),
            name: format!("ollama:{wanted}"),
        })
        .map_err(|reason| refused(reason, format!("run 'ollama pull {wanted}' again")))
}

/// The file of the weights that a manifest names, and their hash.
fn model(store: &Path, manifest: &Path) -> Result<(std::path::PathBuf, String), String> {
    let shown = manifest.display();
    let size = fs::metadata(manifest).map_or(0, |about| about.len());
    if size > MAX_MANIFEST {
        return Err(format!("{shown} is not a manifest"));
    }
    let text = fs::read_to_string(manifest).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let Manifest { layers } =
        serde_json::from_str(&text).map_err(|e| format!("{shown} is not a manifest: {e}"))?;
    if layers.iter().any(|layer| layer.media_type == ADAPTER) {
        return Err(
            "it is a base model with an adapter, which the engine does not apply".to_owned()
        );
    }
    let mut models = layers.iter().filter(|layer| layer.media_type == MODEL);
    let (Some(layer), None) = (models.next(), models.next()) else {
        return Err("its weights are not one GGUF file".to_owned());
    };
    let sha256 = layer.digest.strip_prefix("sha256:").filter(|hex| cache::is_sha256(hex));
    let sha256 = sha256.ok_or_else(|| format!("{shown} states no SHA-256"))?;
    let path = store.join("blobs").join(format!("sha256-{sha256}"));
    let found = fs::metadata(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    if found.len() != layer.size {
        return Err(format!(
            "{} has {} bytes, and the manifest says {}",
            path.display(),
            found.len(),
            layer.size
        ));
    }
    if !cache::begins_with(&path, *GGUF_MAGIC) {
        return Err("its weights are not in the GGUF format".to_owned());
    }
    Ok((path, sha256.to_owned()))
}

/// The models that Ollama has, for a message.
fn known(options: &HubOptions) -> String {
    let mut names = list(options);
    if names.is_empty() {
        let folders: Vec<String> =
            options.ollama.iter().map(|store| store.display().to_string()).collect();
        return format!("it has no models in {}", folders.join(" or "));
    }
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("it is not among those that are there: {}{rest}", names.join(", "))
}

/// The names of all models in Ollama's folders, as Ollama shows them.
pub(super) fn list(options: &HubOptions) -> Vec<String> {
    let mut names = Vec::new();
    for store in &options.ollama {
        let root = store.join("manifests");
        for host in cache::directories(&root) {
            for user in cache::directories(&host) {
                for name in cache::directories(&user) {
                    let path = name.strip_prefix(&root).unwrap_or(&name);
                    let path = path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
                    let tags = fs::read_dir(&name).into_iter().flatten().flatten();
                    names.extend(tags.filter_map(|entry| {
                        let tag = entry.file_name().into_string().ok()?;
                        let path = path.clone();
                        entry.path().is_file().then(|| OllamaRef { path, tag }.to_string())
                    }));
                }
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::super::ModelRef;
    use super::*;

    const BYTES: &[u8] = b"GGUF and more";

    /// Makes a folder as Ollama leaves it, with one model.
    fn store(root: &Path, layers: &str) -> HubOptions {
        let manifests = root.join("manifests/registry.ollama.ai/library/tiny");
        fs::create_dir_all(&manifests).unwrap();
        fs::create_dir_all(root.join("blobs")).unwrap();
        let sha256 = hash();
        fs::write(root.join("blobs").join(format!("sha256-{sha256}")), BYTES).unwrap();
        let text = layers.replace("HASH", &sha256).replace("SIZE", &BYTES.len().to_string());
        let config = r#""schemaVersion":2,"config":{"digest":"sha256:x","size":1}"#;
        fs::write(manifests.join("1b"), format!("{{{config},\"layers\":[{text}]}}")).unwrap();
        let mut options = HubOptions::new(root.join("hub"), root.join("data"));
        options.ollama = vec![root.join("elsewhere"), root.to_owned()];
        options
    }

    fn hash() -> String {
        let mut hasher = cache::Hasher::default();
        hasher.update(BYTES);
        hasher.hex()
    }

    const WEIGHTS: &str = r#"{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:HASH","size":SIZE},
        {"mediaType":"application/vnd.ollama.image.template","digest":"sha256:y","size":2}"#;

    fn found(options: &HubOptions, name: &str) -> Result<LocalModel, String> {
        let ModelRef::Ollama(wanted) = ModelRef::parse(name).unwrap() else { panic!("{name}") };
        find(&wanted, options).map_err(|e| e.to_string())
    }

    #[test]
    fn a_model_of_ollamas_is_found_by_its_manifest() {
        let root = tempfile::tempdir().unwrap();
        let options = store(root.path(), WEIGHTS);
        let local = found(&options, "ollama:tiny:1b").unwrap();
        assert_eq!(fs::read(&local.path).unwrap(), BYTES);
        assert_eq!((local.sha256, local.name.as_str()), (Some(hash()), "ollama:tiny:1b"));
        assert_eq!(list(&options), ["tiny:1b"]);
        let missing = found(&options, "ollama:tiny").unwrap_err();
        assert!(
            missing.contains("tiny:1b") && missing.contains("ollama pull tiny:latest"),
            "{missing}"
        );
    }

    #[test]
    fn what_is_no_plain_gguf_file_is_refused_with_the_reason() {
        let refused = |layers: &str, reason: &str| {
            let root = tempfile::tempdir().unwrap();
            let error = found(&store(root.path(), layers), "ollama:tiny:1b").unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        refused("", "not one GGUF file");
        refused("7", "is not a manifest");
        refused(&format!("{WEIGHTS},{WEIGHTS}"), "not one GGUF file");
        refused(&WEIGHTS.replace("sha256:HASH", "sha256:../../x"), "states no SHA-256");
        refused(&WEIGHTS.replace("SIZE", "7"), "has 13 bytes, and the manifest says 7");
        refused(
            &format!("{WEIGHTS},{}", WEIGHTS.replace("image.model", "image.adapter")),
            "adapter",
        );
    }
}
