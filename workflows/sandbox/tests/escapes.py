"""Scripts that try to get out. Each returns `{escaped: …}`, which must never be true, or throws.

`data` is what they are given: plain values, frozen. HOST is true where something of the machine answers.
"""

HOST = """
const host = (scope) => {
  const names = ["process", "require", "module", "exports", "Deno", "Bun", "std", "os", "print", "load", "read",
    "readFile", "scriptArgs", "fetch", "XMLHttpRequest", "WebSocket", "Worker", "importScripts", "window", "self",
    "document", "global", "java", "Packages", "ActiveXObject", "quit", "gc", "python", "__import__", "__loadScript",
    "setTimeout", "setInterval", "WebAssembly"];
  return Boolean(scope) && names.some((name) => typeof scope[name] !== "undefined");
};
"""

CONSTRUCTOR_CHAINS = {
    "Function of a function": "return {escaped: host((function(){}).constructor('return this')())};",
    "Function of an arrow": "return {escaped: host((() => 0).constructor('return this')())};",
    "Function of an async function": "return {escaped: host(await (async () => 0).constructor('return this')())};",
    "Function of a generator": (
        "return {escaped: host((function*(){}).constructor('yield globalThis')().next().value)};"
    ),
    "Function of an async generator": (
        "return {escaped: host((await (async function*(){}).constructor('yield globalThis')().next()).value)};"
    ),
    "Function of an input": "return {escaped: host(data.constructor.constructor('return this')())};",
    "Function of an input's list": "return {escaped: host(data.list.constructor.constructor('return this')())};",
    "Function of a text": "return {escaped: host(''.sub.constructor('return this')())};",
    "Function of a number": "return {escaped: host((1).constructor.constructor('return globalThis')())};",
    "Function of console": "return {escaped: host(console.log.constructor('return this')())};",
    "Function of console itself": "return {escaped: host(console.constructor.constructor('return this')())};",
    "Function of the script": "return {escaped: host(Object.getPrototypeOf(async () => {}).constructor('')())};",
    "Function of an error": (
        "try { null.x } catch (e) { return {escaped: host(e.constructor.constructor('return this')())} }"
    ),
    "Function of a stack overflow": (
        "const f = () => f();"
        "try { f() } catch (e) { return {escaped: host(e.constructor.constructor('return this')())} }"
    ),
    "Function of a promise": "return {escaped: host(Promise.resolve().constructor.constructor('return this')())};",
    "Function of a rejection": (
        "try { await import('x') } catch (e) { return {escaped: host(e.constructor.constructor('return this')())} }"
    ),
    "Function of a proxy": "return {escaped: host(new Proxy(() => 0, {}).constructor('return this')())};",
    "Function of a bound function": "return {escaped: host((() => 0).bind().constructor('return this')())};",
    "Function of a getter": (
        "const get = Object.getOwnPropertyDescriptor(Map.prototype, 'size').get;"
        "return {escaped: host(get.constructor('return this')())};"
    ),
    "eval": "return {escaped: host(eval('this')) || host(eval('globalThis'))};",
    "indirect eval": "return {escaped: host((0, eval)('this'))};",
    "eval with a name": "return {escaped: typeof (0, eval)('typeof process') !== 'string' || host(globalThis)};",
    "arguments.callee.caller": "return {escaped: host((function () { return arguments.callee.caller })())};",
    "Function.caller": "function f() { return f.caller } return {escaped: host(f())};",
    "this": "return {escaped: host(this)};",
    "this of a sloppy function": "return {escaped: host(new Function('return this')())};",
    "globalThis": "return {escaped: host(globalThis)};",
    "prototypes of globalThis": (
        "for (let o = globalThis; o; o = Object.getPrototypeOf(o)) if (host(o)) return {escaped: true};"
        "return {escaped: false};"
    ),
    "every function that can be reached": (
        "const seen = new Set(); const open = [globalThis, console, data];"
        "while (open.length) { const o = open.pop();"
        " if (o === null || !/object|function/.test(typeof o) || seen.has(o)) continue;"
        " seen.add(o); for (const k of Reflect.ownKeys(o)) { const d = Object.getOwnPropertyDescriptor(o, k);"
        " for (const v of [d.value, d.get, d.set]) open.push(v) } open.push(Object.getPrototypeOf(o)) }"
        "return {escaped: [...seen].some((f) => typeof f === 'function' && f !== RegExp.prototype.exec"
        " && /python|open|socket|exec|system|spawn|loadFile/i.test(String(f.name)))};"
    ),
}

MODULES = {
    **{
        f"import of {name}": f"const m = await import({name!r}); return {{escaped: Boolean(m)}};"
        for name in (
            "os",
            "std",
            "qjs:os",
            "qjs:std",
            "bjson",
            "fs",
            "node:fs",
            "/etc/passwd",
            "./prelude.js",
            "data:text/javascript,1",
        )
    },
    "import of a file as JSON": (
        "const m = await import('/etc/passwd', {with: {type: 'json'}}); return {escaped: Boolean(m)};"
    ),
    "static import": "return {escaped: Boolean(eval('import os from \"os\"'))};",
    "import.meta": "return {escaped: Boolean(eval('import.meta.url'))};",
    "require": "return {escaped: Boolean(require('fs'))};",
    "module.require": "return {escaped: Boolean(module.require('fs'))};",
    "process.binding": "return {escaped: Boolean(process.binding('fs'))};",
    "process.mainModule": "return {escaped: Boolean(process.mainModule.require('child_process'))};",
    "std.loadFile": "return {escaped: Boolean(std.loadFile('/etc/passwd'))};",
    "os.exec": "return {escaped: Boolean(os.exec(['id']))};",
    "Worker": "return {escaped: Boolean(new Worker('data:,1'))};",
    "WebAssembly": "return {escaped: Boolean(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])))};",
    "fetch": "return {escaped: Boolean(await fetch('http://127.0.0.1/'))};",
    "ShadowRealm": "return {escaped: host(new ShadowRealm().evaluate('globalThis'))};",
    "sourceMappingURL": "//# sourceMappingURL=file:///etc/passwd\nreturn {escaped: false};",
}

INPUTS = {
    "change an input": "data.name = 'x'; return {escaped: data.name === 'x'};",
    "change a nested input": "data.nested.deep.value = 2; return {escaped: data.nested.deep.value === 2};",
    "change an input named length": "data.length.value = 2; return {escaped: data.length.value === 2};",
    "push to an input": "data.list.push(4); return {escaped: data.list.length === 4};",
    "shorten an input": "data.list.length = 0; return {escaped: data.list.length === 0};",
    "delete of an input": "delete data.name; return {escaped: !('name' in data)};",
    "define on an input": "Object.defineProperty(data, 'x', {value: 1}); return {escaped: data.x === 1};",
    "getter on an input": "Object.defineProperty(data, 'name', {get: () => 'x'}); return {escaped: data.name === 'x'};",
    "prototype of an input": "Object.setPrototypeOf(data, {x: 1}); return {escaped: data.x === 1};",
    "__proto__ of an input": "data.__proto__ = {x: 1}; return {escaped: data.x === 1};",
    "sloppy change of an input": (
        "new Function('d', 'd.name = \"x\"; d.nested.deep.value = 2')(data);"
        "return {escaped: data.name === 'x' || data.nested.deep.value === 2};"
    ),
    "Reflect.set": "return {escaped: Reflect.set(data, 'name', 'x') || data.name === 'x'};",
    "Object.assign": "Object.assign(data, {name: 'x'}); return {escaped: data.name === 'x'};",
    "inherited setter": (
        "Object.defineProperty(Object.prototype, 'fresh', {set(v) { this.name = v }, configurable: true});"
        "data.fresh = 'x'; return {escaped: data.name === 'x'};"
    ),
    "input with a __proto__ key": "return {escaped: ({}).polluted === true || data.polluted === true};",
    "unfreeze by copying the prototype": (
        "const o = Object.create(data); Object.defineProperty(o, 'name', {value: 'x'});"
        "return {escaped: data.name === 'x'};"
    ),
    "proxy around an input": (
        "const p = new Proxy(data, {get: () => 'x'}); return {escaped: data.name === 'x' || p.name === 'never'};"
    ),
    "change console": "console.log = () => 0; return {escaped: console.log() === 0};",
    "inputs of a run before": "return {escaped: typeof globalThis.left !== 'undefined'};",
    "symbol on an input": "data[Symbol.toPrimitive] = () => 'x'; return {escaped: `${data}` === 'x'};",
    "iterator of an input": (
        "data.list[Symbol.iterator] = function* () { yield 'x' }; return {escaped: [...data.list][0] === 'x'};"
    ),
}

POLLUTION = {
    "Object.prototype": "Object.prototype.left = 1; globalThis.left = 1; return {escaped: false};",
    "Array.prototype": "Array.prototype.left = 1; Array.prototype.push = null; return {escaped: false};",
    "Function.prototype": "Function.prototype.call = null; Function.prototype.left = 1; return {escaped: false};",
    "Promise.prototype.then": "Promise.prototype.then = () => { throw 1 }; return {escaped: false};",
    "Promise.resolve": "Promise.resolve = null; globalThis.Promise = null; return {escaped: false};",
    "JSON.stringify": "JSON.stringify = () => '{\"escaped\": true}'; return {escaped: false};",
    "JSON.parse": "JSON.parse = () => { throw 1 }; return {escaped: false};",
    "Reflect.apply": "Reflect.apply = () => { throw 1 }; return {escaped: false};",
    "String.prototype.slice": "String.prototype.slice = () => '\\0'; console.log('x'); return {escaped: false};",
    "String": "globalThis.String = () => { throw 1 }; console.log({}); return {escaped: false};",
    "Array.prototype.join": "Array.prototype.join = () => '{'; return {escaped: false};",
    "index setter": (
        "Object.defineProperty(Array.prototype, '0', {set() { throw 1 }, get: () => 'x', configurable: true});"
        "console.log(1, 2); return {escaped: false};"
    ),
    "toJSON of objects": "Object.prototype.toJSON = () => ({escaped: 'x'}); return {escaped: false};",
    "Error.prepareStackTrace": "Error.prepareStackTrace = () => { for (;;); }; throw new Error('x');",
    "Error.stackTraceLimit": "Error.stackTraceLimit = 1e9; const f = () => f(); f();",
    "stack traces of our own": (
        "Error.prepareStackTrace = (error, places) => places; const places = new Error('x').stack;"
        "return {escaped: places.some((place) => host(place.getThis?.()) || /host/.test(place.getFunction?.caller))};"
    ),
    "species that shortens its list": (
        "const a = [1, 2, 3, 4]; a.constructor = {[Symbol.species]: function () { a.length = 0; return [] }};"
        "a.concat([1]); a.slice(0, 4); a.splice(0, 3); return {escaped: false};"
    ),
    "buffer that shrinks while it is read": (
        "const b = () => new ArrayBuffer(8000, {maxByteLength: 8000});"
        "const shrink = (buffer, n) => ({valueOf() { buffer.resize(0); return n }});"
        "for (const f of [(u, b) => u.fill(shrink(b, 1)), (u, b) => u.copyWithin(shrink(b, 1), 5),"
        " (u, b) => u.indexOf(0, shrink(b, 7000)), (u, b) => u.slice(shrink(b, 50), 8000),"
        " (u, b) => u.sort(() => { b.resize(0); return -1 }), (u, b) => u.set({length: 9, get 0() { b.resize(0) }}),"
        " (u, b) => new DataView(b).setFloat64(7990, shrink(b, 1)), (u, b) => u.with(7999, shrink(b, 1))])"
        " try { const buffer = b(); f(new Uint8Array(buffer), buffer) } catch { }"
        "return {escaped: false};"
    ),
    "list that is emptied while it is sorted": (
        "const a = Array.from({length: 999}, (_, i) => i); a.sort((x, y) => { a.length = 0; return x - y });"
        "return {escaped: a.length > 999};"
    ),
    "expression that changes while it matches": (
        "const r = /(a)|(b)/g; 'abab'.replace(r, () => { r.compile('(((((a)))))'); return '' });"
        "r.lastIndex = {valueOf() { r.compile('b'.repeat(1000)); return 0 }}; return {escaped: r.test('aaa') === 1};"
    ),
    "Symbol.species": (
        "Object.defineProperty(Promise, Symbol.species, {value: function (f) { f(() => 0, () => 0) }});"
        "await Promise.resolve(); return {escaped: false};"
    ),
    "Promise constructor": (
        "Promise.prototype.constructor = function (f) { f(() => 0, () => 0) }; return {escaped: false};"
    ),
}

RESULTS = {
    "getter on the result": "return {get escaped() { return host(globalThis) }};",
    "endless getter": "return {get escaped() { for (;;); }};",
    "proxy as the result": (
        "return new Proxy({}, {ownKeys: () => ['escaped'], get: () => host(globalThis),"
        " getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true})});"
    ),
    "proxy with endless keys": "return new Proxy({}, {ownKeys() { for (;;); }});",
    "toJSON that throws": "return {toJSON() { throw new Error('x') }};",
    "toJSON that never ends": "return {toJSON() { for (;;); }};",
    "toJSON that returns more": "const f = () => ({toJSON: f}); return {escaped: {toJSON: f}.x === 1};",
    "thenable as the result": "return {then(resolve) { resolve({escaped: host(globalThis)}) }};",
    "thenable that never ends": "return {then() {}};",
    "thenable that resolves twice": "return {then(a, b) { a({escaped: false}); a({escaped: true}); b(1) }};",
    "circle": "const o = {}; o.o = o; return o;",
    "depth": "let o = {}; for (let i = 0; i < 5000; i++) o = {o}; return o;",
    "depth below 32": "let o = {}; for (let i = 0; i < 100; i++) o = {o}; return o;",
    "a million names": "const o = {}; for (let i = 0; i < 1e6; i++) o[i] = i; return o;",
    "text that looks like an answer": 'return {escaped: \'","error":null}\'.length === 0};',
    "thrown proxy": "throw new Proxy({}, {get() { for (;;); }, has: () => true});",
    "thrown getter": "throw {get message() { throw 1 }};",
    "thrown symbol": "throw Symbol('x');",
    "thrown bigint": "throw 10n;",
    "endless name of an error": "const e = new Error('x'); e.name = 'x'.repeat(1e7); throw e;",
    "getter on then": "return {get then() { throw new Error('x') }};",
    "number of 60 000 digits": "return {escaped: JSON.rawJSON('9'.repeat(60000)) === 1};",
    "getters that stringify each other": "const o = {get x() { return JSON.stringify(o) }}; return o;",
    "revoked proxy": "const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return {proxy};",
    "chain of proxies": "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p;",
    "list of endless length": "return {x: new Proxy([], {get: (list, name) => name === 'length' ? 2 ** 32 - 1 : 1})};",
    "forged stack": "const e = new Error('x'); e.stack = '<input>:999999:1'; throw e;",
    "console.log of a proxy": (
        "console.log(new Proxy({}, {get() { throw 1 }, ownKeys() { throw 1 }})); return {escaped: false};"
    ),
    "console.log of an endless getter": "console.log({get x() { for (;;); }}); return {escaped: false};",
    "console.log of half a character": "console.log('\\ud800', '\\0', '\\u2028'); return {escaped: false};",
}

SYMBOLS_AND_GENERATORS = {
    "Symbol.toPrimitive": "return {escaped: host({[Symbol.toPrimitive]: () => globalThis}[Symbol.toPrimitive]())};",
    "Symbol.hasInstance": (
        "Object.defineProperty(Error, Symbol.hasInstance, {value: () => { throw 1 }});"
        "console.log({}); return {escaped: false};"
    ),
    "Symbol.unscopables": "return {escaped: host(new Function('with ({}) { return this }')())};",
    "Symbol.for across runs": (
        "const left = Symbol.for('left'); const was = globalThis[left]; globalThis[left] = 1;"
        "return {escaped: was === 1};"
    ),
    "generator that never ends": "const g = (function* () { for (;;) yield 1 })(); return {escaped: Boolean([...g])};",
    "generator return": (
        "const g = (function* () { try { yield 1 } finally { for (;;); } })(); g.next(); return {escaped: g.return()};"
    ),
    "async generator that never ends": (
        "for await (const x of (async function* () { for (;;) yield 1 })()); return {escaped: true};"
    ),
    "promise that never ends": "await new Promise(() => {}); return {escaped: true};",
    "promise of itself": "let f; const p = new Promise((r) => { f = r }); f(p); await p; return {escaped: true};",
    "promises without end": "const f = () => Promise.resolve().then(f); await f(); return {escaped: true};",
    "microtasks without end": "const f = () => queueMicrotask(f); f(); await new Promise(f); return {escaped: true};",
    "finally without end": "try { return {escaped: false} } finally { for (;;); }",
    "catch of the interruption": "for (;;) try { for (;;); } catch { }",
    "Atomics.wait": ("Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0); return {escaped: true};"),
    "Atomics.waitAsync": (
        "await Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(8)), 0, 0).value; return {escaped: true};"
    ),
    "FinalizationRegistry": (
        "new FinalizationRegistry(() => { for (;;); }).register({}, 1); await 1; return {escaped: false};"
    ),
    "breaking out of the function": "}); globalThis.left = 1; (async function () {",
    "breaking out with a comment": "/* \n return {escaped: false}; //",
    "html comment": "<!-- x\nreturn {escaped: false};",
    "line separators": "return {escaped: false};\u2028",
    "NUL in the script": "return {escaped: '\0'.length === 0};",
    "half a character in the script": "return {escaped: '\ud800' === '' };",
}

BREAKOUTS = [
    "}); for (;;); (async function () {",
    "}); globalThis.left = 1; (async function () { return {left}",
    "}); Array.prototype.pop = () => undefined; (async function (data) { return {}",
    "}, globalThis.left = {",
    "}, globalThis.left = class {",
    "}, () => {",
    "}).constructor.prototype.then = (async () => {",
    "} + async function () {",
    "} [globalThis.left = 1] = {",
    "}; globalThis.left = 1; {",
    "} }); globalThis.left = 1; ({ async anonymous() {",
    "} /* \n*/ , x = {",
]
"""Bodies that close their function and open another: between the two they would run while they are only checked."""

ESCAPES = {
    f"{group}: {name}": HOST + script if "host(" in script else script
    for group, scripts in {
        "constructors": CONSTRUCTOR_CHAINS,
        "modules": MODULES,
        "inputs": INPUTS,
        "pollution": POLLUTION,
        "results": RESULTS,
        "symbols": SYMBOLS_AND_GENERATORS,
    }.items()
    for name, script in scripts.items()
}

BOMBS = {
    "loop": "for (;;);",
    "loop of promises": "for (;;) await 1;",
    "regular expression": "return {x: /^(a+)+$/.test('a'.repeat(60) + '!')};",
    "recursion": "const f = (n) => f(n + 1) + f(n + 2); return {x: f(0)};",
    "caught recursion": "const f = () => { try { f() } finally { f() } }; f();",
    "memory in small pieces": "const all = []; for (;;) all.push({x: all.length});",
    "memory in large pieces": "const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));",
    "doubling text": "let s = 'x'; for (;;) s += s;",
    "text that is cut": "const all = []; for (;;) all.push(('x'.repeat(1e6) + all.length).slice(1));",
    "whole numbers without end": "let n = 3n; for (;;) n = n * n;",
    "sparse list": "const a = []; a[2 ** 32 - 2] = 1; a.sort(); return {x: a.indexOf(2), y: a.join('x').length};",
    "log without end": "for (;;) console.log('x'.repeat(1000));",
}
