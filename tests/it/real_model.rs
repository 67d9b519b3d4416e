//! The real small model, for tests that need one.
//!
//! Obtained through the library as a user would obtain it, and fetched once for all test processes:
//! a lock file in the temp folder makes the others wait. Where the model is not available, the test
//! fails.

use std::fs::OpenOptions;
use std::path::PathBuf;

use persona::config::Environment;
use persona::hub::{self, ModelRef};

/// The model that the tests are written for.
pub(crate) const NAME: &str = "smollm2-135m";

/// The path of the model's file.
pub(crate) fn real_model() -> PathBuf {
    let path = std::env::temp_dir().join("persona-test-model.lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let lock = lock.expect("a lock file in the temp folder");
    lock.lock().expect("the lock on fetching the model");
    let options = Environment::read().hub_options();
    let model = ModelRef::parse(NAME).expect("a name of the catalogue");
    let found = hub::locate(&model, &options).map_or_else(
        || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime for the download");
            runtime.block_on(hub::pull(&model, &options, &|_| ()))
        },
        Ok,
    );
    match found {
        Ok(local) => local.path,
        Err(error) => panic!("this test needs the model {NAME}: {error}"),
    }
}
