//! Runs a template that may have been written to do harm.
//!
//! Owns the limits: steps, size and depth of every value, bytes looked at and written over the
//! whole run. minijinja counts steps, but one step can double a string, repeat a list a million
//! million times or nest it until dropping it overflows the stack. So the compiled program is
//! rewritten before it runs: each instruction that makes a value is followed by a call that
//! measures the value, and operations that can grow by more than their inputs (filters, methods,
//! `*`) go through a function that checks the inputs first. Does not know about chats.
//!
//! The program is reached by minijinja's `unstable_machinery`, which is why its version is pinned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::machinery::{
    CodeGenerator, Instruction, Instructions, Token, Vm, WhitespaceConfig, make_string_output,
    parse, tokenize,
};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value};

/// Steps of the interpreter for one rendering; the longest real templates take some thousands for a
/// long chat.
pub(super) const FUEL: u64 = 250_000;
/// Longest source of a template; the longest real ones have 50,000.
const MAX_SOURCE: usize = 256 << 10; // bytes
/// Most that a template may write in all, without the contents of messages.
pub(super) const MAX_RENDERED: usize = 4 << 20; // bytes
/// Largest single value, with everything that it contains.
const MAX_VALUE: usize = 64 << 10; // bytes
/// Most bytes measured over a whole run; a value counts each time that it is measured.
const MAX_LOOKED_AT: usize = 128 << 20; // bytes
/// Deepest nesting of lists and the like. A namespace that holds itself exceeds any depth.
const MAX_DEPTH: usize = 16;
/// Macros and namespaces that one run may make: each can hold the one before it.
const MAX_HOLDERS: usize = 64;
/// Largest number that says how often something is repeated or how wide it is.
const MAX_TIMES: usize = 128;
/// Bytes that a value counts for beside its text.
const NODE: usize = 32; // bytes

/// Names of the calls that are put into a program. They are not identifiers, so a template can
/// neither write nor replace them.
const CHECKED: &str = "!";
const TIMES: &str = "*";
const FILTER: &str = "|";
const METHOD: &str = ".";
const TEST: &str = "is";
const HOLDER: &str = "{}";

/// What one run has used up so far.
#[derive(Debug, Default)]
struct Spent {
    looked_at: AtomicUsize,
    written: AtomicUsize,
    holders: AtomicUsize,
}

/// Renders a template with the functions of `environment`. Anything registered there under the name
/// of a guard call, which no template can write, is replaced.
///
/// The error is text for a message; it holds no control characters.
pub(super) fn render(
    mut environment: Environment<'static>,
    source: &str,
    context: Value,
) -> Result<String, String> {
    if source.len() > MAX_SOURCE {
        return Err(format!("it has more than {MAX_SOURCE} bytes"));
    }
    furnish(&mut environment);
    let whitespace =
        WhitespaceConfig { trim_blocks: true, lstrip_blocks: true, ..Default::default() };
    let mut rendered = String::new();
    let parsed = refuse_folding(source, whitespace)
        .and_then(|()| parse(source, "template", SyntaxConfig, whitespace));
    let outcome = parsed.and_then(|parsed| {
        let mut generator = CodeGenerator::new("template", source);
        generator.compile_stmt(&parsed);
        let (program, blocks) = generator.finish();
        let program = guarded(&program, source)?;
        let blocks: BTreeMap<&str, Instructions<'_>> = blocks
            .iter()
            .map(|(name, block)| Ok((*name, guarded(block, source)?)))
            .collect::<Result<_, Error>>()?;
        let mut output = make_string_output(&mut rendered);
        let vm = Vm::new(&environment);
        vm.eval(&program, context, &blocks, &mut output, AutoEscape::None).map(drop)
    });
    match outcome {
        Ok(()) if rendered.len() <= MAX_RENDERED => Ok(rendered),
        Ok(()) => Err(format!("it writes more than {MAX_RENDERED} bytes")),
        Err(error) => Err(shown(&error)),
    }
}

/// The error as a line or two that are safe to print.
fn shown(error: &Error) -> String {
    const MOST: usize = 400; // characters
    match error.kind() {
        ErrorKind::OutOfFuel => format!("it did not end within {FUEL} steps"),
        ErrorKind::WriteFailure => format!("it writes more than {MAX_RENDERED} bytes"),
        _ => {
            let printable = |c: char| if c.is_control() { ' ' } else { c };
            error.to_string().chars().take(MOST).map(printable).collect()
        }
    }
}

/// Registers the calls that a guarded program makes.
fn furnish(environment: &mut Environment<'static>) {
    let spent = Arc::new(Spent::default());
    environment.set_fuel(Some(FUEL));
    // `debug` shows everything there is, including namespaces that hold themselves.
    environment.remove_global("debug");
    let own = Arc::clone(&spent);
    environment.set_formatter(move |out, state, value| {
        let bytes = own.measure(value)?;
        if own.written.fetch_add(bytes, Ordering::Relaxed) > MAX_RENDERED {
            return Err(Error::from(ErrorKind::WriteFailure));
        }
        minijinja::escape_formatter(out, state, value)
    });
    let own = Arc::clone(&spent);
    environment.add_function(CHECKED, move |value: Value| own.checked(value));
    let own = Arc::clone(&spent);
    environment.add_function(HOLDER, move || own.hold());
    let own = Arc::clone(&spent);
    environment.add_function("namespace", move |defaults: Option<Value>| {
        own.hold()?;
        minijinja::functions::namespace(defaults)
    });
    let own = Arc::clone(&spent);
    environment.add_function(TIMES, move |a: Value, b: Value| own.times(&a, &b));
    let own = Arc::clone(&spent);
    environment.add_function(FILTER, move |state: &State, Rest(mut args): Rest<Value>| {
        let name = own.inputs(&mut args)?;
        refuse_growth(&name, &args, 0)?;
        own.checked(state.apply_filter(&name, &args)?)
    });
    let own = Arc::clone(&spent);
    environment.add_function(METHOD, move |state: &State, Rest(mut args): Rest<Value>| {
        let name = own.inputs(&mut args)?;
        refuse_growth(&name, &args, 1)?;
        let (object, args) = args.split_first().ok_or(ErrorKind::MissingArgument)?;
        own.checked(object.call_method(state, &name, args)?)
    });
    environment.add_function(TEST, move |state: &State, Rest(mut args): Rest<Value>| {
        let name = spent.inputs(&mut args)?;
        state.perform_test(&name, &args)
    });
}

fn refused(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

impl Spent {
    /// Bytes of a value and of everything in it.
    fn measure(&self, value: &Value) -> Result<usize, Error> {
        let mut left = MAX_VALUE;
        let outcome = measure(value, MAX_DEPTH, &mut left);
        let bytes = MAX_VALUE - left;
        if self.looked_at.fetch_add(bytes, Ordering::Relaxed) > MAX_LOOKED_AT {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        outcome.map(|()| bytes)
    }

    /// The value, once it is known to be within its limits. A lazy list, one that is computed only
    /// when it is read, is computed now: otherwise such lists could be stacked upon each other
    /// without end.
    fn checked(&self, value: Value) -> Result<Value, Error> {
        let listed = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
        let value = if listed && !value.is_kwargs() {
            let items: Vec<Value> = value.try_iter()?.take(MAX_VALUE / NODE + 1).collect();
            Value::from(items)
        } else {
            value
        };
        self.measure(&value).map(|_| value)
    }

    /// Measures what goes into a call, and takes the name of what is called off the end of `args`.
    fn inputs(&self, args: &mut Vec<Value>) -> Result<String, Error> {
        let name = args.pop().ok_or(ErrorKind::MissingArgument)?;
        for arg in args.iter() {
            self.measure(arg)?;
        }
        Ok(name.as_str().unwrap_or_default().to_owned())
    }

    fn hold(&self) -> Result<(), Error> {
        if self.holders.fetch_add(1, Ordering::Relaxed) >= MAX_HOLDERS {
            return Err(refused("it makes too many macros and namespaces"));
        }
        Ok(())
    }

    /// `a * b`: a product of two numbers, or a text or list repeated that many times.
    fn times(&self, a: &Value, b: &Value) -> Result<Value, Error> {
        let many = |value: &Value| !matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
        let (what, often) = if many(a) { (a, b) } else { (b, a) };
        if !many(what) {
            return product(a, b).ok_or_else(|| refused("it multiplies beyond all numbers"));
        }
        let often =
            often.as_usize().ok_or_else(|| refused("it repeats something no number of times"))?;
        let bytes = self.measure(what)?.saturating_mul(often);
        if bytes > MAX_VALUE {
            return Err(refused("it repeats a value beyond all bounds"));
        }
        if let Some(text) = what.as_str() {
            return Ok(Value::from(text.repeat(often)));
        }
        let items: Vec<Value> = what.try_iter()?.collect();
        self.checked(Value::from(vec![items; often].concat()))
    }
}

/// The product of two numbers. Whole numbers stay whole; `None` where they overflow.
fn product(a: &Value, b: &Value) -> Option<Value> {
    let whole = a.is_integer() && b.is_integer();
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64())
        && whole
    {
        return a.checked_mul(b).map(Value::from);
    }
    let float = |value: &Value| f64::try_from(value.clone()).ok();
    Some(Value::from(float(a)? * float(b)?))
}

/// Takes a value's bytes off `left`, and fails when they exceed what is left.
fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<(), Error> {
    let bytes = NODE + value.as_bytes().map_or(0, <[u8]>::len);
    *left = left.checked_sub(bytes).ok_or_else(|| {
        *left = 0;
        refused("it makes a value that is too large")
    })?;
    let nested = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
    if !nested {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or_else(|| refused("it nests values too deeply"))?;
    for item in value.try_iter()? {
        measure(&item, depth, left)?;
        if value.kind() == ValueKind::Map {
            measure(&value.get_item(&item)?, depth, left)?;
        }
    }
    Ok(())
}

/// Refuses a call whose result could be larger than its inputs together by more than a small
/// factor. `method` is 1 where `args` begins with the value whose method is called.
fn refuse_growth(name: &str, args: &[Value], method: usize) -> Result<(), Error> {
    const MOST: usize = 16 * MAX_VALUE;
    let text = |at: usize| args.get(at).and_then(Value::as_str).unwrap_or_default();
    let bytes = match name {
        "replace" => {
            let (from, to) = (text(1), text(2));
            // An empty pattern is replaced before every character and at the end.
            let count = text(0).len().checked_div(from.len()).unwrap_or(text(0).len() + 1);
            count.saturating_mul(to.len())
        }
        "join" => {
            let (items, separator) = if method == 1 { (1, 0) } else { (0, 1) };
            let items = args.get(items).and_then(Value::len).unwrap_or(MAX_VALUE / NODE);
            items.saturating_mul(text(separator).len())
        }
        "format" => {
            // A width is of no use in a chat, and each would write that many spaces.
            let wide =
                text(0).as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit));
            let longest = args.iter().map(|arg| arg.to_string().len()).max().unwrap_or(0);
            let marks = text(0).matches(['%', '{']).count();
            if wide { usize::MAX } else { marks.saturating_mul(longest.max(MAX_TIMES)) }
        }
        "indent" | "tojson" | "batch" | "slice" | "round" => {
            let large =
                |value: &Value| value.as_i64().is_some_and(|n| n.unsigned_abs() > MAX_TIMES as u64);
            let named = |value: &Value| {
                let keys = value.try_iter().into_iter().flatten();
                value.is_kwargs()
                    && keys.filter_map(|key| value.get_item(&key).ok()).any(|value| large(&value))
            };
            if args.iter().skip(1).any(|arg| large(arg) || named(arg)) { usize::MAX } else { 0 }
        }
        // `map` calls a filter by its name, past this function.
        "map" => {
            let plain = args.iter().skip(1).filter_map(Value::as_str);
            let grows =
                ["replace", "join", "format", "indent", "tojson", "batch", "slice", "round", "map"];
            if plain.into_iter().any(|name| grows.contains(&name)) { usize::MAX } else { 0 }
        }
        _ => 0,
    };
    if bytes > MOST { Err(refused("it makes a value that is too large")) } else { Ok(()) }
}

/// Refuses constants that the compiler would fold into a large value. It computes expressions of
/// constants itself, before any guard runs; only multiplication makes the result large, by no more
/// than the numbers beside it.
fn refuse_folding(source: &str, whitespace: WhitespaceConfig) -> Result<(), Error> {
    let mut total = 0usize;
    let (mut times, mut bytes, mut multiplies, mut raises) = (1usize, 0usize, false, false);
    for token in tokenize(source, false, SyntaxConfig, whitespace) {
        match token?.0 {
            Token::VariableStart | Token::BlockStart => {
                (times, bytes, multiplies, raises) = (1, 0, false, false);
            }
            Token::VariableEnd | Token::BlockEnd if multiplies => {
                let times = if raises { usize::MAX } else { times };
                total = total.saturating_add(times.saturating_mul(bytes));
            }
            Token::Mul => multiplies = true,
            Token::Pow => raises = true,
            Token::Int(number) => times = times.saturating_mul(number.saturating_add(1) as usize),
            Token::Int128(_) | Token::Float(_) => times = usize::MAX,
            Token::Str(text) => bytes += NODE + text.len(),
            Token::String(text) => bytes += NODE + text.len(),
            _ => bytes += 1,
        }
        if total > MAX_RENDERED {
            return Err(refused("it repeats a value beyond all bounds"));
        }
    }
    Ok(())
}

/// The program with the guards in it; jump targets are moved along.
fn guarded<'s>(program: &Instructions<'s>, source: &'s str) -> Result<Instructions<'s>, Error> {
    let all = || (0..program.len() as u32).filter_map(|at| Some((at, program.get(at)?)));
    let mut places = Vec::with_capacity(program.len() + 1);
    let mut place = 0;
    for (_, instruction) in all() {
        places.push(place);
        place += guards(instruction)?.len() as u32;
    }
    places.push(place);
    let mut result = Instructions::new(program.name(), source);
    for (at, instruction) in all() {
        let line = program.get_line(at).unwrap_or(1) as u16;
        for step in guards(instruction)? {
            result.add_with_line(moved(step, &places), line);
        }
    }
    Ok(result)
}

/// An instruction whose jump target, if it has one, is the new place of the old target.
fn moved<'s>(instruction: Instruction<'s>, places: &[u32]) -> Instruction<'s> {
    let to = |at: u32| places.get(at as usize).copied().unwrap_or(at);
    match instruction {
        Instruction::Iterate(at) => Instruction::Iterate(to(at)),
        Instruction::Jump(at) => Instruction::Jump(to(at)),
        Instruction::JumpIfFalse(at) => Instruction::JumpIfFalse(to(at)),
        Instruction::JumpIfFalseOrPop(at) => Instruction::JumpIfFalseOrPop(to(at)),
        Instruction::JumpIfTrueOrPop(at) => Instruction::JumpIfTrueOrPop(to(at)),
        Instruction::BuildMacro(name, at, flags) => Instruction::BuildMacro(name, to(at), flags),
        other => other,
    }
}

/// The instructions that take the place of one instruction: itself, with its guards.
fn guards<'s>(instruction: &Instruction<'s>) -> Result<Vec<Instruction<'s>>, Error> {
    use Instruction as I;
    let check = || I::CallFunction(CHECKED, Some(1));
    let named =
        |call: &'static str, name: &str, count: &Option<u16>| -> Result<Vec<I<'s>>, Error> {
            // The number of unpacked arguments would lie on the stack where the name must be.
            let count = count.ok_or_else(|| {
                refused("it unpacks a list into arguments, which is not supported")
            })?;
            Ok(vec![I::LoadConst(Value::from(name)), I::CallFunction(call, Some(count + 1))])
        };
    let own = instruction.clone();
    Ok(match instruction {
        I::EmitRaw(text) => vec![I::LoadConst(Value::from(*text)), I::Emit],
        I::Mul => vec![I::CallFunction(TIMES, Some(2))],
        I::ApplyFilter(name, count, _) => named(FILTER, name, count)?,
        I::CallMethod(name, count) => named(METHOD, name, count)?,
        I::PerformTest(name, count, _) => named(TEST, name, count)?,
        // A range computes its numbers when they are read, a hundred thousand at most.
        I::CallFunction("range", _) => vec![own],
        I::Add
        | I::StringConcat
        | I::Slice
        | I::BuildList(_)
        | I::BuildMap(_)
        | I::BuildKwargs(_)
        | I::MergeKwargs(_)
        | I::EndCapture
        | I::CallFunction(..)
        | I::CallObject(_) => vec![own, check()],
        // A namespace may have come to hold itself since it was last measured.
        I::Eq | I::Ne | I::Gt | I::Gte | I::Lt | I::Lte | I::In | I::CompareAndPreserve(_) => {
            vec![check(), I::Swap, check(), I::Swap, own]
        }
        I::SetAttr(_) => vec![I::Swap, check(), I::Swap, own],
        I::BuildMacro(..) => vec![I::CallFunction(HOLDER, Some(0)), I::DiscardTop, own],
        _ => vec![own],
    })
}
