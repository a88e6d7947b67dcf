// RegExp knows of the last match: RegExp.$1 to $9, lastMatch, leftContext …
// Which match that was is noted, and looked at when somebody asks.
(function () {
const nativeExec = exec, EXEC = Symbol("exec");
const source = describe(patterns, "source").get, isGlobal = describe(patterns, "global").get, ignoresCase = describe(patterns, "ignoreCase").get, multiline = describe(patterns, "multiline").get;
const groups = [];
let groupCount = 0, lastInput = "", lastAt = 0, lastLength = 0, everyLine = false;
// The match that is noted: a pattern, what it was tried on, from where, and
// how: once, to the last time, or as split does.
let pattern = null, text = "", from = 0, how = 0;
const once = 0, toTheLast = 1, asSplit = 2;

hide(patterns, EXEC, nativeExec);
function isPattern(v) { return isObject(v) && v[EXEC] === nativeExec; }

function note(p, t, at, as) {
	pattern = p;
	text = t;
	from = at;
	how = as;
}

// know finds the match again that was noted.
function know() {
	if (pattern === null) return;
	const p = pattern, was = p.lastIndex, split = how === asSplit;
	const twin = split ? new NativeRegExp(apply(source, p, []), "g" + letters(p)) : p;
	let last = null, end = 0;
	pattern = null;
	twin.lastIndex = from;
	for (;;) {
		const m = twin[EXEC](text);
		if (m === null || split && m.index >= text.length) break;
		if (twin.lastIndex === m.index) twin.lastIndex++;
		if (!split || m[0] !== "" || m.index !== end) last = m;
		end = m.index + m[0].length;
		if (how === once || !split && !apply(isGlobal, twin, [])) break;
	}
	p.lastIndex = was;
	if (last !== null) remember(last);
}
function letters(p) { return (apply(ignoresCase, p, []) ? "i" : "") + (everyLine || apply(multiline, p, []) ? "m" : ""); }

// remember keeps copies: scripts change the array that they are given.
function remember(m) {
	const n = m.length;
	pattern = null;
	groupCount = n - 1;
	for (let i = 1; i < n && i < 10; i++) groups[i] = m[i];
	if (n > 10) groups[10] = m[n - 1];
	lastInput = m.input;
	lastAt = m.index;
	lastLength = m[0].length;
	return m;
}

function find(p, t) {
	if (everyLine && !apply(multiline, p, [])) return findEveryLine(p, t);
	const at = p.lastIndex, m = p[EXEC](t);
	if (m !== null) note(p, m.input, at, once);
	return m;
}

// RegExp.multiline makes all patterns those of several lines.
function findEveryLine(p, t) {
	const twin = new NativeRegExp(apply(source, p, []), letters(p) + (apply(isGlobal, p, []) ? "g" : ""));
	twin.lastIndex = p.lastIndex;
	const m = twin[EXEC](t);
	if (apply(isGlobal, p, [])) p.lastIndex = twin.lastIndex;
	return m === null ? m : remember(m);
}

const ourExec = function exec(t) { return find(this, arguments.length ? t : input()); };
instead(patterns, "exec", exec, ourExec);
instead(patterns, "test", test, function test(t) { return find(this, arguments.length ? t : input()) !== null; });
function input() { know(); return lastInput; }

// instead takes the place of the engine's own, not of a script's.
function instead(o, name, native, ours) { if (o[name] === native) hide(o, name, ours); }

// whole runs a method of String, which tries a pattern as often as it likes,
// with the engine's own exec.
function whole(method, s, p, by) {
	if (!isPattern(p) || everyLine || patterns.exec !== ourExec) return apply(method, s, [p, by]);
	patterns.exec = nativeExec;
	try {
		return apply(method, s, [p, by]);
	} finally {
		patterns.exec = ourExec;
	}
}

// flagged is the third argument that replace had, and the second of match and
// search: letters for a pattern that is given as a string.
const special = /[\\^$.*+?()[\]{}|]/g;
function flagged(p, flags, literally) {
	if (flags === undefined || isPattern(p)) return p;
	p = string(p);
	return new NativeRegExp(literally ? apply(nativeReplace, p, [special, "\\$&"]) : p, string(flags));
}

instead(strings, "replace", nativeReplace, function replace(p, by, flags) {
	p = flagged(p, flags, true);
	if (!isPattern(p)) return apply(nativeReplace, this, [p, by]);
	const s = string(this), out = whole(nativeReplace, s, p, callable(by) ? telling(by) : by);
	if (out !== s || whole(nativeSearch, s, p) >= 0) note(p, s, 0, toTheLast);
	return out;
});
// telling lets RegExp know of the match for which a function is called.
function telling(by) {
	return function () {
		const n = arguments.length - 2, m = [];
		for (let i = 0; i < n; i++) m[i] = arguments[i];
		m.index = arguments[n];
		m.input = arguments[n + 1];
		const ours = patterns.exec === nativeExec;
		if (ours) patterns.exec = ourExec;
		remember(m);
		try {
			return apply(by, undefined, arguments);
		} finally {
			if (ours) patterns.exec = nativeExec;
		}
	};
}
instead(strings, "match", nativeMatch, function match(p, flags) {
	p = flagged(p, flags, false);
	if (!isPattern(p)) p = new NativeRegExp(p);
	const s = string(this), out = whole(nativeMatch, s, p);
	if (out !== null) note(p, s, 0, toTheLast);
	return out;
});
instead(strings, "search", nativeSearch, function search(p, flags) {
	p = flagged(p, flags, false);
	if (!isPattern(p)) p = new NativeRegExp(p);
	const s = string(this), out = whole(nativeSearch, s, p);
	if (out >= 0) note(p, s, 0, once);
	return out;
});
instead(strings, "split", nativeSplit, function split(by, limit) {
	const s = string(this), out = whole(nativeSplit, s, by, limit);
	if (isPattern(by) && out.length > 1) note(by, s, 0, asSplit);
	return out;
});

function known(names, get, set) { for (let i = 0; i < names.length; i++) accessor(NativeRegExp, names[i], function () { know(); return get(); }, set || function () { }); }
function group(i) { return function () { return i <= groupCount && groups[i] !== undefined ? groups[i] : ""; }; }
for (let i = 1; i < 10; i++) known(["$" + i], group(i));
known(["lastMatch", "$&"], function () { return apply(sub, lastInput, [lastAt, lastAt + lastLength]); });
known(["lastParen", "$+"], function () { return groupCount > 0 ? group(groupCount < 10 ? groupCount : 10)() : ""; });
known(["leftContext", "$`"], function () { return apply(sub, lastInput, [0, lastAt]); });
known(["rightContext", "$'"], function () { return apply(sub, lastInput, [lastAt + lastLength]); });
known(["input", "$_"], function () { return lastInput; }, function (v) { pattern = null; lastInput = string(v); lastAt = lastLength = groupCount = 0; });
known(["multiline", "$*"], function () { return everyLine; }, function (v) { everyLine = !!v; });
return true;
})()
