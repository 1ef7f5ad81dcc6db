//! From arguments to exit code.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use crate::app::{self, Failure, offline};
use crate::audit::sink;
use crate::bench::{self, Verdict};
use crate::cli::admin;
use crate::cli::args::{
    Arguments, Command, ConfigCommand, KeysCommand, NodeArguments, ServeArguments,
};
use crate::cli::bench::BenchArguments;
use crate::cli::client::AdminClient;
use crate::cli::rotation;
use crate::durability::sealing::SealingKey;
use crate::durability::{keeper, log};
use crate::entropy::SystemEntropy;
use crate::{actors, telemetry};

/// Runs the process and gives its exit code. Source: README, Serving for real.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "the last words of a process go where its user looks"
)]
pub fn run() -> ExitCode {
    // No arguments and no configuration: development mode.
    let bare = std::env::args_os().len() == 1 && std::env::var_os("SESSILE_CONFIG").is_none();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are not failures; if printing fails there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match act(arguments, bare) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("sessile: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn act(arguments: Arguments, bare: bool) -> Result<(), Failure> {
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    match command {
        Command::Serve(flags) => serve(flags, bare),
        Command::Account(asked) => {
            print(node(asked.node).and_then(|node| admin::account(&node, asked.command)))
        }
        Command::Keys(asked) => match asked.command {
            KeysCommand::NewSealingKey { file } => new_sealing_key(&file),
            KeysCommand::OnNode(command) => {
                print(node(asked.node).and_then(|node| admin::keys(&node, command)))
            }
            KeysCommand::OfNode(command) => {
                print(node(asked.node).and_then(|node| rotation::run(&node, command)))
            }
        },
        Command::Sessions(asked) => {
            print(node(asked.node).and_then(|node| admin::sessions(&node, asked.command)))
        }
        Command::Templates(asked) => {
            print(node(asked.node).and_then(|node| admin::templates(&node, asked.command)))
        }
        Command::Snapshot(asked) => print(node(asked).and_then(|node| admin::snapshot(&node))),
        Command::Check(asked) => offline::check(&asked),
        Command::Inspect(asked) => offline::inspect(&asked),
        Command::Backup(asked) => offline::backup(asked),
        Command::Restore(asked) => offline::restore(asked),
        Command::Bench(asked) => load(&asked),
        Command::Config(asked) => look(asked.command),
        Command::Openapi => openapi(),
    }
}

fn node(asked: NodeArguments) -> anyhow::Result<AdminClient> {
    AdminClient::find(asked)
}

#[expect(clippy::print_stdout, reason = "where the key is was asked for")]
fn new_sealing_key(file: &Path) -> Result<(), Failure> {
    SealingKey::create(file, &SystemEntropy)
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    println!("{}", file.display());
    Ok(())
}

fn load(asked: &BenchArguments) -> Result<(), Failure> {
    match bench::run(asked) {
        Ok(Verdict::Right) => Ok(()),
        Ok(Verdict::Wrong(what)) => Err(Failure::Load(what)),
        Err(error) => Err(Failure::Configuration(format!("{error:#}"))),
    }
}

fn serve(flags: ServeArguments, bare: bool) -> Result<(), Failure> {
    let config = flags
        .resolve(bare)
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    telemetry::start(config.log_format);
    actors::runtime::end_process_on_panic_of_owners_and(&[
        log::THREAD,
        keeper::THREAD,
        sink::THREAD,
    ]);
    actix::System::new().block_on(app::serve(config))
}

#[expect(clippy::print_stdout, reason = "the document is what was asked for")]
fn openapi() -> Result<(), Failure> {
    print!("{}", crate::http::openapi::DOCUMENT);
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the configuration is what was asked for"
)]
fn look(command: ConfigCommand) -> Result<(), Failure> {
    let (flags, print) = match command {
        ConfigCommand::Print(flags) => (flags, true),
        ConfigCommand::Check(flags) => (flags, false),
    };
    let config = flags.resolve(false);
    let config = config.and_then(|config| config.check().map(|()| config));
    let config = config.map_err(|error| Failure::Configuration(error.to_string()))?;
    if print {
        println!("{config:#?}")
    } else {
        println!("the configuration can be used")
    }
    Ok(())
}

/// Prints a node's answer; whatever kept it from coming is bad usage as far as exit codes go.
#[expect(clippy::print_stdout, reason = "the answer is what was asked for")]
fn print(answer: anyhow::Result<Value>) -> Result<(), Failure> {
    let answer = answer.map_err(|error| Failure::Configuration(format!("{error:#}")))?;
    println!("{answer:#}");
    Ok(())
}
