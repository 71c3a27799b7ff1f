// What surrounds a customer's script. Takes what it needs of the language before the script can change it.
(LOG_LINES, LOG_CHARACTERS, LOG_LINE_CHARACTERS, VALUE_CHARACTERS) => {
  "use strict";
  const { parse, stringify } = JSON;
  const { freeze, getPrototypeOf } = Object;
  const { apply, ownKeys } = Reflect;
  const asText = String;
  const evaluate = eval;
  const { slice } = String.prototype;
  const { join } = Array.prototype;
  const { then } = Promise.prototype;
  const AsyncFunction = getPrototypeOf(async () => {}).constructor;
  const MESSAGE_CHARACTERS = 500;

  let state = "pending";
  let value = "";
  let failure = "null";
  let log = "";
  let lines = 0;
  let characters = 0;

  const cut = (text, length) => apply(slice, text, [0, length]);
  // A text in one piece: those that are put together by + cannot be handed over.
  const joined = (...parts) => apply(join, parts, [""]);

  const frozen = (root) => {
    const open = [root];
    while (open.length) {
      const each = open.pop();
      if (typeof each === "object" && each !== null) {
        for (const name of ownKeys(each)) open.push(each[name]);
        freeze(each);
      }
    }
    return root;
  };

  const shown = (each) => {
    try {
      if (typeof each !== "object" || each instanceof Error) return asText(each);
      return stringify(each) ?? "undefined";
    } catch {
      return `[${typeof each}]`;
    }
  };

  const write = (...parts) => {
    if (lines > LOG_LINES) return;
    let line = "";
    for (let index = 0; index < parts.length && line.length < LOG_LINE_CHARACTERS; index += 1) {
      line += (index ? " " : "") + cut(shown(parts[index]), LOG_LINE_CHARACTERS + 1);
    }
    line = line.length > LOG_LINE_CHARACTERS ? `${cut(line, LOG_LINE_CHARACTERS - 1)}…` : line;
    if (lines === LOG_LINES || characters + line.length > LOG_CHARACTERS) {
      lines = LOG_LINES;
      line = "… further lines were left out";
    }
    log += (lines && log ? "," : "") + stringify(line);
    lines += 1;
    characters += line.length;
  };

  const fail = (kind, error) => {
    if (state !== "pending") return;
    let name = "";
    let message = "";
    let stack = "";
    try {
      if (typeof error === "object" && error !== null && "message" in error) {
        name = asText(error.name ?? "");
        message = asText(error.message);
        stack = asText(error.stack ?? "");
      } else {
        message = shown(error);
      }
    } catch {
      message = "something that cannot be shown";
    }
    state = "failed";
    failure =
      `{"kind":${stringify(kind)},"name":${stringify(cut(name, MESSAGE_CHARACTERS))},` +
      `"message":${stringify(cut(message, MESSAGE_CHARACTERS))},"stack":${stringify(cut(stack, 4000))}}`;
  };

  const settle = (returned) => {
    if (state !== "pending") return;
    let text;
    try {
      text = stringify(returned);
    } catch (error) {
      fail("value", error);
      return;
    }
    if (typeof text === "string" && text.length > VALUE_CHARACTERS) {
      fail("value", { message: `it has ${text.length} characters, and ${VALUE_CHARACTERS} fit` });
      return;
    }
    state = "done";
    value = typeof text === "string" ? text : "";
  };

  // The engine makes a function by putting its body between braces, so that a body can close them, run at once and open
  // others. None that does so can be a method's body as well; the throw before it lets nothing of either begin.
  const TRIED = "tried";
  const refuseWhatIsNoBody = (parameters, body) => {
    try {
      evaluate(`"use strict"; throw "${TRIED}"; ({ async anonymous(${parameters}\n) {\n${body}\n} })`);
    } catch (error) {
      if (error !== TRIED) throw error;
    }
  };

  const begin = (names, code, data, isCheck) => {
    const parameters = [...parse(names), "console"];
    const body = `"use strict";\n${code}`;
    let script;
    try {
      refuseWhatIsNoBody(apply(join, parameters, [","]), body);
      script = new AsyncFunction(...parameters, body);
    } catch (error) {
      fail("syntax", error);
      return;
    }
    if (isCheck) {
      state = "done";
      value = "{}";
      return;
    }
    const given = frozen(parse(data));
    const console = freeze({ log: write, debug: write, info: write, warn: write, error: write });
    apply(then, script(...given, console), [settle, (error) => fail("thrown", error)]);
  };

  const finish = () =>
    joined('{"state":"', state, '","value":', stringify(value), ',"failure":', failure, ',"logs":[', log, "]}");

  return (verb, ...parts) => {
    if (verb === "begin") return begin(...parts);
    return verb === "finish" ? finish() : state !== "pending";
  };
}
