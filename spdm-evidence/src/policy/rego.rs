//! Policies in Rego, the language of the Open Policy Agent.
//!
//! The text is the operator's, and what it reads is the device's. The interpreter has no limits of its own for time, memory and
//! recursion, so it never runs where it could hold up or end the caller: each run has a thread with a stack of its own, and who
//! waits for it stops to wait. What does not end well denies.

mod nesting;
mod sentence;

use core::num::{NonZeroU32, NonZeroUsize};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};
use regorus::{Engine, PolicyLengthConfig, Value};

use self::sentence::sentence;
use crate::error::Error;
use crate::report::Report;
use crate::text::printable_text;

/// The longest text in bytes.
const MAX_LEN: NonZeroUsize = NonZeroUsize::new(0x1_0000).unwrap();
/// The longest line, in characters.
const MAX_COLUMNS: NonZeroU32 = NonZeroU32::new(1024).unwrap();
/// How long the rules may take together: a usual policy takes less than a thousandth of it.
const RULES_LIMIT: Duration = Duration::from_millis(100);
/// How long may be waited for a thread, which also reads the text. The interpreter looks at its clock between steps only: one
/// step can take longer.
const THREAD_LIMIT: Duration = Duration::from_secs(1);
/// The stack of a thread, of which the system gives only what is used. Rules that need each other in a circle are refused by
/// the interpreter, functions that call each other are not: in the time that they have they need 50 MiB on a machine of
/// 2020. What a text of the longest needs without a circle is less than 32 MiB.
const STACK_LEN: usize = 512 << 20;
/// The most reasons that are shown.
const MAX_REASONS: usize = 16;
/// The most characters of one.
const MAX_REASON_LEN: usize = 256;
/// What the interpreter calls the file.
const NAME: &str = "policy";

/// The package of the rules that count.
const PACKAGE: &str = "data.spdm";
const DENY: &str = "deny";
const ALLOW: &str = "allow";

/// A policy in Rego that can be read.
#[derive(Clone, Debug)]
pub(super) struct Rego {
    /// The text and not what the interpreter makes of it, which is a tree as deep as the text is long: it is made and dropped
    /// on a stack that is made for it.
    text: Arc<str>,
    /// A run of it did not end in time, and may never.
    overran: Arc<AtomicBool>,
}

/// Why a run has no result.
enum Unfinished {
    /// It takes too long.
    Late,
    /// The interpreter panicked, or there is no room for its stack.
    Broken,
}

impl Rego {
    /// Reads a module in version 1 of the language.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        if text.len() > MAX_LEN.get() {
            return Err(format!("it has {} bytes, and {MAX_LEN} are the most", text.len()));
        }
        let text = core::str::from_utf8(text)
            .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
        nesting::check(text)?;
        let text: Arc<str> = text.into();
        let read = within(THREAD_LIMIT, {
            let text = Arc::clone(&text);
            move || engine(&text).map(drop)
        });
        match read {
            Ok(read) => read?,
            Err(Unfinished::Late) => {
                return Err(format!("it takes longer than {} s to read", THREAD_LIMIT.as_secs()));
            }
            Err(Unfinished::Broken) => return Err("the interpreter cannot read it".to_owned()),
        }
        Ok(Self { text, overran: Arc::default() })
    }

    /// Why the policy denies a report; nothing where it does not.
    pub(super) fn denied(&self, report: &Report) -> Vec<String> {
        // A thread that does not end goes on for as long as the process does. One is enough.
        if self.overran.load(Ordering::Relaxed) {
            return vec!["the policy did not end the last time".to_owned()];
        }
        let input = match serde_json::to_string(report) {
            Ok(input) => input,
            Err(error) => return vec![format!("the report cannot be read: {error}")],
        };
        let text = Arc::clone(&self.text);
        match within(THREAD_LIMIT, move || denials(&text, &input)) {
            Ok(Ok(denied)) => denied,
            Ok(Err(why)) => vec![why],
            Err(Unfinished::Late) => {
                self.overran.store(true, Ordering::Relaxed);
                vec![format!("the policy does not end within {} s", THREAD_LIMIT.as_secs())]
            }
            Err(Unfinished::Broken) => vec!["the interpreter cannot run the policy".to_owned()],
        }
    }
}

/// Waits for work on a thread of its own. Nothing can stop a thread: one that is late is left behind, and nobody hears what it
/// finds in the end.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unfinished> {
    let (sender, receiver) = sync_channel(1);
    let thread = thread::Builder::new().name(NAME.to_owned()).stack_size(STACK_LEN);
    let started = thread.spawn(move || sender.send(work()));
    started.map_err(|_| Unfinished::Broken)?;
    receiver.recv_timeout(limit).map_err(|error| match error {
        RecvTimeoutError::Timeout => Unfinished::Late,
        RecvTimeoutError::Disconnected => Unfinished::Broken,
    })
}

/// The rules, ready to be run, and their package.
fn engine(text: &str) -> Result<(Engine, String), String> {
    // Whoever else in this process has set a clock: one is as good as another.
    let _ = set_time_source(&CLOCK);
    let mut engine = Engine::new();
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: MAX_COLUMNS,
        max_file_bytes: MAX_LEN,
        max_lines: MAX_LEN,
    });
    // What a function cannot do is not merely undefined: a condition on that would not be met, and nothing be denied.
    engine.set_strict_builtin_errors(true);
    let told = |error: &dyn core::fmt::Display| sentence(&error.to_string());
    // They make a list as long as a number says, which may be the device's, and end the process where there is no room.
    for (name, count) in [("numbers.range", 2), ("numbers.range_step", 3)] {
        let refuse = move |_| Err(Error::Policy(format!("{name} is not available")).into());
        engine
            .add_extension(name.to_owned(), count, Box::new(refuse))
            .map_err(|error| told(&error))?;
    }
    let package = engine.add_policy(NAME.to_owned(), text.to_owned());
    let package = package.map_err(|error| told(&error))?;
    // The first query puts the rules in order, which finds what is wrong with them.
    engine.eval_bool_query("true".to_owned(), false).map_err(|error| told(&error))?;
    Ok((engine, package))
}

/// Runs the rules. An error says why there is no answer, which denies, too.
fn denials(text: &str, input: &str) -> Result<Vec<String>, String> {
    let (mut engine, package) = engine(text)?;
    let is_silent =
        package != PACKAGE || !(is_declared(&engine, DENY)? || is_declared(&engine, ALLOW)?);
    if is_silent {
        return Err(format!("the policy has neither {PACKAGE}.{DENY} nor {PACKAGE}.{ALLOW}"));
    }
    engine.set_input(Value::from_json_str(input).map_err(|error| error.to_string())?);
    let start = Instant::now();
    let denied = match rule(&mut engine, DENY, start)? {
        Some(value) => reasons(&value)?,
        None => Vec::new(),
    };
    match rule(&mut engine, ALLOW, start)? {
        Some(allow) if allow != Value::Bool(true) && denied.is_empty() => {
            Err(format!("{PACKAGE}.{ALLOW} is not true"))
        }
        _ => Ok(denied),
    }
}

/// What a rule says; `None` where there is no such rule.
fn rule(engine: &mut Engine, name: &str, start: Instant) -> Result<Option<Value>, String> {
    if !is_declared(engine, name)? {
        return Ok(None);
    }
    let late = || format!("the policy does not end within {} ms", RULES_LIMIT.as_millis());
    let limit = RULES_LIMIT.checked_sub(start.elapsed()).ok_or_else(late)?;
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit,
        check_interval: NonZeroU32::MIN,
    });
    let value = engine.eval_rule(format!("{PACKAGE}.{name}"));
    // What stopped it is in the error's text only.
    if value.is_err() && start.elapsed() >= RULES_LIMIT {
        return Err(late());
    }
    let value =
        value.map_err(|error| format!("{PACKAGE}.{name}: {}", sentence(&error.to_string())))?;
    Ok(Some(value))
}

/// Whether the policy has the rule, or one below it.
fn is_declared(engine: &Engine, name: &str) -> Result<bool, String> {
    engine.has_declared_rule_rooted_at(NAME, name).map_err(|error| sentence(&error.to_string()))
}

/// The reasons in a set or an array of strings.
fn reasons(value: &Value) -> Result<Vec<String>, String> {
    let values: Vec<&Value> = match value {
        Value::Set(set) => set.iter().collect(),
        Value::Array(array) => array.iter().collect(),
        Value::Undefined => return Err(format!("{PACKAGE}.{DENY} is undefined")),
        _ => {
            return Err(format!(
                "{PACKAGE}.{DENY} is no set of strings; deny contains \"why\" if … makes one"
            ));
        }
    };
    let mut reasons = Vec::new();
    for value in values.iter().take(MAX_REASONS) {
        let Value::String(reason) = value else {
            return Err(format!("{PACKAGE}.{DENY} has a member that is no string"));
        };
        reasons.push(shown(reason));
    }
    if values.len() > MAX_REASONS {
        reasons.push(format!("and {} more", values.len() - MAX_REASONS));
    }
    Ok(reasons)
}

/// A reason as reports show it: not too long, and without what could steer a terminal.
fn shown(reason: &str) -> String {
    if reason.trim().is_empty() {
        return "a reason without words".to_owned();
    }
    match reason.char_indices().nth(MAX_REASON_LEN) {
        Some((end, _)) => format!("{}…", printable_text(reason.get(..end).unwrap_or_default())),
        None => printable_text(reason),
    }
}

/// Time for the interpreter, which has no clock of its own without its feature `std`.
struct Clock;

static CLOCK: Clock = Clock;

impl TimeSource for Clock {
    fn now(&self) -> Option<Duration> {
        static START: OnceLock<Instant> = OnceLock::new();
        Some(START.get_or_init(Instant::now).elapsed())
    }
}
