//! The tenants and their stores.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use apptuit_model::wire::ContentEncoding;
use apptuit_store::{EmbeddedStore, IdempotencyKey, Points, Store, StoreError, StoreOptions};
use axum::http::HeaderMap;
use tokio::sync::oneshot;

use crate::answers::{Answers, Outcome};
use crate::auth::TokenFile;
use crate::config::{OnTrouble, ServerConfig};
use crate::connections::Caller;
use crate::error::{ApiError, Kind};
use crate::intake::{Intake, IntakeLimits};
use crate::origin::{self, Hosts};
use crate::server_error::ServerError;
use crate::spellings::Spellings;
use crate::turns::Client;

/// Everyone, where there are no tokens.
const DEFAULT_TENANT: &str = "default";

/// Bytes of spellings of series that are kept, of all tenants together.
const MAX_SPELLING_BYTES: usize = 128 << 20;

/// What ends it that a store is read-only.
pub(crate) const WAY_OUT: &str = "free space if the disk is full, then restart the server";

/// All tenants, each with a store of its own.
#[derive(Debug)]
pub(crate) struct Tenants {
    tokens: Option<TokenFile>,
    /// Names of the server that count where there are no tokens.
    hosts: Hosts,
    all: Vec<Arc<Tenant>>,
}

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    name: String,
    store: Arc<dyn Store>,
    spellings: RwLock<Spellings>,
    /// Set by a write that failed: the store takes no others until it is opened again.
    read_only: AtomicBool,
}

impl Tenants {
    /// Opens `<tenant>.sqlite` for each tenant.
    pub(crate) fn open(config: &ServerConfig) -> Result<Self, ServerError> {
        let (dir, tokens) = (config.data_dir.as_path(), config.tokens.clone());
        fs::create_dir_all(dir)
            .map_err(|source| ServerError::DataDir { dir: dir.to_owned(), source })?;
        let share = MAX_SPELLING_BYTES / tokens.as_ref().map_or(1, |t| t.tenants().count());
        let options = StoreOptions {
            retention: config.retention,
            retention_bytes: config.retention_bytes,
            max_series: config.max_series,
            ..StoreOptions::default()
        };
        let open = |name: &str| {
            let file = dir.join(format!("{name}.sqlite"));
            let on_trouble = on_chores(name, &config.on_trouble);
            match EmbeddedStore::open(&file, StoreOptions { on_trouble, ..options.clone() }) {
                Ok(store) => Ok(Arc::new(Tenant::new(name, Arc::new(store), share))),
                Err(source) => Err(ServerError::Store { tenant: name.to_owned(), source }),
            }
        };
        let all = match &tokens {
            Some(tokens) => tokens.tenants().map(open).collect::<Result<_, _>>()?,
            None => vec![open(DEFAULT_TENANT)?],
        };
        let hosts = if config.allow_anonymous { Hosts::Any } else { Hosts::ThisMachine };
        Ok(Self { tokens, hosts, all })
    }

    /// The tenant who calls.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Result<Arc<Tenant>, ApiError> {
        let name = if let Some(tokens) = &self.tokens {
            tokens.tenant(headers)?
        } else {
            origin::check(headers, self.hosts)?;
            DEFAULT_TENANT
        };
        let tenant = self.all.iter().find(|tenant| tenant.name == name);
        tenant.cloned().ok_or_else(|| ApiError::new(Kind::Internal, "the tenant has no store"))
    }

    /// Who takes turns with others: the tenant, or where everyone is the same one, the address.
    pub(crate) fn client(&self, tenant: &Tenant, caller: &Caller) -> Client {
        match self.tokens {
            None => Client::at(caller.address),
            Some(_) => Client::of_tenant(&tenant.name),
        }
    }

    /// Whether every tenant can write.
    pub(crate) fn can_write(&self) -> bool {
        self.all.iter().all(|tenant| !tenant.read_only.load(Ordering::Relaxed))
    }

    /// Closes every store, and tells of the first that could not be.
    pub(crate) fn close(&self) -> Result<(), ServerError> {
        let mut outcome = Ok(());
        for tenant in &self.all {
            let closed = tenant.store.close();
            let closed =
                closed.map_err(|source| ServerError::Store { tenant: tenant.name.clone(), source });
            outcome = outcome.and(closed);
        }
        outcome
    }

    #[cfg(test)]
    pub(crate) fn with_store(store: Arc<dyn Store>) -> Self {
        Self {
            tokens: None,
            hosts: Hosts::Any,
            all: vec![Arc::new(Tenant::new(DEFAULT_TENANT, store, MAX_SPELLING_BYTES))],
        }
    }
}

/// Tells of work on a tenant's data that is put off.
fn on_chores(name: &str, on_trouble: &OnTrouble) -> apptuit_store::OnTrouble {
    let (name, on_trouble) = (name.to_owned(), on_trouble.clone());
    apptuit_store::OnTrouble::new(move |error| {
        on_trouble.tell(&format!("data of tenant `{name}` cannot be tidied up for now: {error}"));
    })
}

impl Tenant {
    fn new(name: &str, store: Arc<dyn Store>, max_spelling_bytes: usize) -> Self {
        let spellings = RwLock::new(Spellings::new(max_spelling_bytes));
        Self { name: name.to_owned(), store, spellings, read_only: AtomicBool::new(false) }
    }

    /// What the tenant keeps.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Reads a body whose points are to be kept.
    pub(crate) fn read(
        &self,
        intake: &mut Intake,
        body: &[u8],
        encoding: ContentEncoding,
        limits: IntakeLimits,
    ) -> Result<(), ApiError> {
        intake.read(body, encoding, limits, &*self.store, &self.spellings)
    }

    /// Keeps points unless they were kept under this key before.
    pub(crate) fn append(
        &self,
        points: &Points,
        key: Option<&IdempotencyKey>,
        on_trouble: &OnTrouble,
    ) -> Result<(), ApiError> {
        self.told(self.store.append(points, key), on_trouble)
    }

    /// Begins to do so. What comes of it is for [`told`](Self::told), and so is an error.
    pub(crate) fn begin_append(
        &self,
        points: &Points,
        key: Option<&IdempotencyKey>,
        answers: &Answers,
    ) -> Result<oneshot::Receiver<Outcome>, StoreError> {
        let (waiting, outcome) = oneshot::channel();
        self.store.append_then(points, key, answers.answer(waiting))?;
        Ok(outcome)
    }

    /// What became of an append. If the store takes no more, that is remembered and told.
    pub(crate) fn told(&self, appended: Outcome, on_trouble: &OnTrouble) -> Result<(), ApiError> {
        if let Err(error @ (StoreError::Io { .. } | StoreError::Poisoned { .. })) = &appended
            && !self.read_only.swap(true, Ordering::Relaxed)
        {
            on_trouble.tell(&format!(
                "data of tenant `{}` is read-only now: {error}; {WAY_OUT}",
                self.name
            ));
        }
        appended?;
        Ok(())
    }
}
