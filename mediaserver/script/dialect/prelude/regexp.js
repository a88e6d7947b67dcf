// RegExp knows of the last match: RegExp.$1 to $9, lastMatch, leftContext …
const NativeRegExp = RegExp, patterns = RegExp.prototype, brand = objects.toString, nativeExec = exec;
const source = describe(patterns, "source").get, global_ = describe(patterns, "global").get, ignoreCase = describe(patterns, "ignoreCase").get, multiline = describe(patterns, "multiline").get;
const groups = [];
let groupCount = 0, lastInput = "", lastAt = 0, lastLength = 0, everyLine = false;

function isPattern(v) { return isObject(v) && apply(brand, v, []) === "[object RegExp]"; }

// remember keeps copies: scripts change the array that they are given.
function remember(m) {
	var n = m.length;
	groupCount = n - 1;
	for (var i = 1; i < n && i < 10; i++) groups[i] = m[i];
	if (n > 10) groups[9 + 1] = m[n - 1];
	lastInput = m.input;
	lastAt = m.index;
	lastLength = m[0].length;
	return m;
}

function find(pattern, text) {
	if (everyLine && !apply(multiline, pattern, [])) return findEveryLine(pattern, text);
	var m = apply(nativeExec, pattern, [text]);
	if (m !== null) remember(m);
	return m;
}

// RegExp.multiline makes all patterns those of several lines.
function findEveryLine(pattern, text) {
	var twin = new NativeRegExp(apply(source, pattern, []), letters(pattern) + "m");
	twin.lastIndex = pattern.lastIndex;
	var m = apply(nativeExec, twin, [text]);
	if (apply(global_, pattern, [])) pattern.lastIndex = twin.lastIndex;
	return m === null ? m : remember(m);
}
function letters(pattern) { return (apply(global_, pattern, []) ? "g" : "") + (apply(ignoreCase, pattern, []) ? "i" : ""); }

hide(patterns, "exec", function exec(text) {
	return find(this, arguments.length ? text : lastInput);
});
hide(patterns, "test", function test(text) {
	return find(this, arguments.length ? text : lastInput) !== null;
});

const nativeReplace = strings.replace, nativeSplit = strings.split, nativeMatch = strings.match, nativeSearch = strings.search;

// flagged is the third argument that replace had, and the second of match and
// search: letters for a pattern that is given as a string.
const special = /[\\^$.*+?()[\]{}|]/g;
function flagged(pattern, flags, literally) {
	if (flags === undefined || isPattern(pattern)) return pattern;
	pattern = string(pattern);
	return new NativeRegExp(literally ? apply(nativeReplace, pattern, [new NativeRegExp(special.source, "g"), "\\$&"]) : pattern, string(flags));
}

hide(strings, "replace", function replace(pattern, by, flags) {
	pattern = flagged(pattern, flags, true);
	if (!callable(by) || !isPattern(pattern)) return apply(nativeReplace, this, [pattern, by]);
	return apply(nativeReplace, this, [pattern, function () {
		var n = arguments.length - 2;
		groupCount = n - 1;
		for (var i = 1; i < n && i < 10; i++) groups[i] = arguments[i];
		if (n > 10) groups[10] = arguments[n - 1];
		lastAt = arguments[n];
		lastInput = arguments[n + 1];
		lastLength = arguments[0].length;
		return apply(by, undefined, arguments);
	}]);
});
hide(strings, "match", function match(pattern, flags) { return apply(nativeMatch, this, [flagged(pattern, flags, false)]); });
hide(strings, "search", function search(pattern, flags) { return apply(nativeSearch, this, [flagged(pattern, flags, false)]); });

// split looks for the next place instead of trying at each.
hide(strings, "split", function split(by, limit) {
	if (!isPattern(by)) return apply(nativeSplit, this, [by, limit]);
	var s = string(this), most = limit === undefined ? 4294967295 : limit >>> 0, out = [], n = 0, from = 0, m;
	if (most === 0) return out;
	var twin = new NativeRegExp(apply(source, by, []), (apply(ignoreCase, by, []) ? "gi" : "g") + (everyLine || apply(multiline, by, []) ? "m" : ""));
	while ((m = apply(nativeExec, twin, [s])) !== null) {
		if (s === "") return out;
		if (m.index >= s.length) break;
		if (twin.lastIndex === from) { twin.lastIndex = from + 1; continue; }
		remember(m);
		put(out, n++, apply(sub, s, [from, m.index]), true);
		from = twin.lastIndex;
		for (var i = 1; i < m.length && n < most; i++) put(out, n++, m[i], true);
		if (n >= most) return out;
	}
	put(out, n, apply(sub, s, [from]), true);
	return out;
});

function known(names, get, set) { for (var i = 0; i < names.length; i++) accessor(NativeRegExp, names[i], get, set || function () { }); }
function group(i) { return function () { return i <= groupCount && groups[i] !== undefined ? groups[i] : ""; }; }
for (var i = 1; i < 10; i++) known(["$" + i], group(i));
known(["lastMatch", "$&"], function () { return apply(sub, lastInput, [lastAt, lastAt + lastLength]); });
known(["lastParen", "$+"], function () { return groupCount > 0 ? group(groupCount < 10 ? groupCount : 10)() : ""; });
known(["leftContext", "$`"], function () { return apply(sub, lastInput, [0, lastAt]); });
known(["rightContext", "$'"], function () { return apply(sub, lastInput, [lastAt + lastLength]); });
known(["input", "$_"], function () { return lastInput; }, function (v) { lastInput = string(v); lastAt = lastLength = groupCount = 0; });
known(["multiline", "$*"], function () { return everyLine; }, function (v) { everyLine = !!v; });
