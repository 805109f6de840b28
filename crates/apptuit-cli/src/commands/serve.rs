//! `apptuit serve`

use apptuit_server::{OnTrouble, Server, ServerConfig, ServerError, TlsFiles, TokenFile};

use super::duration;
use crate::args::{Limits, Serve};
use crate::failure::Failure;
use crate::output::talk;

/// Serves until SIGTERM or Ctrl-C, then finishes what is under way.
pub(crate) fn run(args: Serve) -> Result<(), Failure> {
    let config = config(args)?;
    let data = config.data_dir.display().to_string();
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let server = Server::bind(config).map_err(|error| match error {
        ServerError::NeedsTokens { .. } => {
            Failure::new(&error).hint("give --tokens FILE, or --allow-anonymous to accept everyone")
        }
        _ => Failure::new(&error),
    })?;
    talk(format_args!("serving {scheme}://{}", server.local_addr()));
    talk(format_args!("data in {data}; stop with Ctrl-C"));
    server.run_until_signal().map_err(Failure::new)?;
    talk(format_args!("stopped; everything acknowledged is on disk"));
    Ok(())
}

fn config(args: Serve) -> Result<ServerConfig, Failure> {
    let mut config = ServerConfig {
        listen: args.listen,
        data_dir: args.data,
        allow_anonymous: args.allow_anonymous,
        retention: args.retention.map(duration),
        retention_bytes: args.retention_bytes,
        on_trouble: OnTrouble::new(|what| talk(format_args!("error: {what}"))),
        ..ServerConfig::default()
    };
    if let Some(file) = args.tokens {
        config.tokens = Some(TokenFile::read(&file).map_err(Failure::new)?);
    }
    if let (Some(cert), Some(key)) = (args.tls_cert, args.tls_key) {
        config.tls = Some(TlsFiles { cert, key });
    }
    apply(&args.limits, &mut config);
    Ok(config)
}

fn apply(limits: &Limits, config: &mut ServerConfig) {
    let numbers = [
        (&mut config.max_body_bytes, limits.max_body_bytes),
        (&mut config.max_inflated_bytes, limits.max_inflated_bytes),
        (&mut config.max_points, limits.max_points),
        (&mut config.max_held_bytes, limits.max_held_bytes),
        (&mut config.max_inflating_bytes, limits.max_inflating_bytes),
        (&mut config.max_series, limits.max_series),
        (&mut config.max_query_series, limits.max_query_series),
        (&mut config.max_query_points, limits.max_query_points),
        (&mut config.max_query_bytes, limits.max_query_bytes),
        (&mut config.max_connections, limits.max_connections),
        (&mut config.max_concurrent_puts, limits.max_concurrent_puts),
        (&mut config.max_concurrent_queries, limits.max_concurrent_queries),
    ];
    for (setting, flag) in numbers {
        *setting = flag.unwrap_or(*setting);
    }
    let spans = [
        (&mut config.query_timeout, limits.query_timeout),
        (&mut config.max_wait, limits.max_wait),
        (&mut config.header_timeout, limits.header_timeout),
        (&mut config.body_idle_timeout, limits.body_idle_timeout),
        (&mut config.body_timeout, limits.body_timeout),
        (&mut config.stop_timeout, limits.stop_timeout),
    ];
    for (setting, flag) in spans {
        *setting = flag.map_or(*setting, duration);
    }
}
