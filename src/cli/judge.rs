//! The judge of commands that make no run: a model in this process, or on a server.
//!
//! Owns the flags that name it. A server is asked by the rules of `backend`, but only where it costs
//! nothing: what is spent must be booked in a run folder, and here there is none.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::cli::Surroundings;
use crate::cli::backend;
use crate::cli::clearing;
use crate::cli::failure::{Exit, Failure};
use crate::cli::job;
use crate::cli::model::{self, EngineArgs, Loader, TaskContext};
use crate::cli::progress::Stages;
use crate::config::{Layers, Settings, keys};
use crate::corpus::Corpus;
use crate::pipeline::{Asking, Models, PipelineError};
use crate::privacy::Cleared;
use crate::report::{self, counted};
use crate::store::Run;

/// The flags of commands that judge.
#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    /// Catalogue name, owner/repo[:QUANT][@rev], ollama:NAME, a path to a .gguf, or auto; with
    /// --backend its name there [default: auto]
    #[arg(long, visible_alias = "local-model", value_name = "MODEL", help_heading = "Local model")]
    model: Option<String>,
    /// Where it runs: embedded (in this process), ollama, or openai (llama.cpp's server, vLLM, SGLang,
    /// LM Studio); a server must cost nothing [default: embedded]
    #[arg(long, value_name = "WHERE", help_heading = "Local model")]
    backend: Option<String>,
    /// Address of that server; OpenAI's includes /v1 [default: OLLAMA_HOST, http://127.0.0.1:11434]
    #[arg(long, value_name = "URL", help_heading = "Local model")]
    backend_url: Option<String>,
    /// Price in US dollars per million tokens: 0/0 for a server elsewhere that costs nothing
    #[arg(long, value_name = "IN/OUT", help_heading = "Local model")]
    price: Option<String>,
    /// Questions to the server in flight at a time [default: 4]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Local model")]
    parallel: Option<String>,
    /// Hosts of your own, which may be asked and cost nothing
    #[arg(long, value_name = "HOST", value_delimiter = ',', help_heading = "Privacy")]
    trusted_hosts: Vec<String>,
    /// Send nothing to a host that is neither this machine nor of --trusted-hosts
    #[arg(long, help_heading = "Privacy")]
    no_frontier: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl JudgeArgs {
    /// The settings said as flags. The model that is named is the one that judges.
    pub(super) fn layers(&self) -> Layers {
        let layers = Layers::default()
            .flag(keys::MODEL, self.model.as_deref())
            .flag(keys::JUDGE_MODEL, self.model.as_deref())
            .flag(keys::BACKEND, self.backend.as_deref())
            .flag(keys::BACKEND_URL, self.backend_url.as_deref())
            .flag(keys::PRICE, self.price.as_deref())
            .flag(keys::PARALLEL, self.parallel.as_deref())
            .flags(keys::TRUSTED_HOSTS, self.trusted_hosts.clone())
            .switch(keys::NO_FRONTIER, self.no_frontier);
        self.engine.add_to(layers)
    }
}

/// A model that judges, and the record of what it was asked where it is on a server.
pub(super) struct Judge {
    pub(super) models: Models,
    log: Run,
}

impl Judge {
    /// Loads the judge, or connects to it where a server has it, once
    /// [`backend::costs_nothing`] has let that pass. `corpus` is the data that the questions may
    /// quote.
    pub(super) fn new(
        settings: &Settings,
        corpus: &Cleared<Corpus>,
        around: &Surroundings<'_>,
        loader: Loader<'_>,
    ) -> Result<Self, Failure> {
        let model = settings.judge_model.as_deref().unwrap_or(&settings.model);
        let alone = Settings { model: model.to_owned(), judge_model: None, ..settings.clone() };
        let models = match backend::chosen(&alone, around.environment, loader.task)? {
            Some(connected) => {
                clearing::before_sending(corpus, &connected.judge, settings, around.output)?;
                job::served(connected, corpus, job::barred(settings), loader)
            }
            None => model::load_roles(model, None, &settings.engine, loader)?.models,
        };
        Ok(Self { models, log: Run::unkept() })
    }

    /// Carries out what `work` asks. A judge in this process gets a runtime with timers only, so
    /// that nothing here can open a socket. `None` when cancelled.
    pub(super) fn ask<T>(
        &mut self,
        task: TaskContext<'_>,
        work: impl AsyncFnOnce(&Asking<'_>) -> Result<Option<T>, PipelineError>,
    ) -> Result<Option<T>, Failure> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time();
        if self.models.judge_terms.is_some() {
            runtime.enable_all();
        }
        let runtime =
            runtime.build().map_err(|e| Failure::failed(format!("cannot start the judge: {e}")))?;
        let stages = Stages::new(task.output);
        let asking = Asking::new(&self.models, &stages, task.cancel, &mut self.log);
        let answered = runtime.block_on(work(&asking));
        drop(asking);
        for (host, sent) in self.log.state.egress.iter().filter(|(_, sent)| !sent.local) {
            task.output.note(&format!(
                "{}, with {} in them, went to {host}",
                counted(sent.bodies.len(), "question"),
                counted(sent.records.len(), "record"),
            ));
        }
        Ok(answered?)
    }

    /// The document of the result, with what was sent to a server where one was asked.
    pub(super) fn document(&self, result: &impl Serialize) -> Result<Value, Failure> {
        let mut document = serde_json::to_value(result)
            .map_err(|e| Failure::failed(format!("cannot write the result as JSON: {e}")))?;
        if self.models.judge_terms.is_some() {
            document["left_this_machine"] = report::egress(&self.log.state);
        }
        Ok(document)
    }
}

/// Ctrl-C while a judge was at work: there is no log to go on from.
pub(super) fn interrupted() -> Failure {
    let text = "interrupted before the judge was done; nothing was written\nhint: run the same command again";
    Failure::new(Exit::Interrupted, anyhow::anyhow!(text))
}
