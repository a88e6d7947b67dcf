// Writes a value as a source that makes it again; what occurs twice gets a
// sharp variable (#1=), as in SpiderMonkey.
(function () {
const identifier = /^[A-Za-z_$][\w$]*$/, odd = /["'\\\x00-\x1f\x7f-\uffff]/;

function quote(s, mark) {
	if (!apply(exec, odd, [s])) return mark + s + mark;
	var out = mark;
	for (var i = 0; i < s.length; i++) {
		var c = apply(code, s, [i]), short = escapes[c];
		if (s[i] === mark) out += "\\" + mark;
		else if (short) out += short;
		else if (c >= 32 && c < 127) out += s[i];
		else if (c < 256) out += "\\x" + padded(c, 2);
		else out += "\\u" + padded(c, 4);
	}
	return out + mark;
}
const escapes = { __proto__: null, 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 92: "\\\\" };
function padded(n, digits) {
	var s = "";
	for (; digits > 0; digits--, n >>= 4) s = "0123456789ABCDEF"[n & 15] + s;
	return s;
}

// count finds what occurs twice in a value.
function count(v, seen) {
	if (!isObject(v) || callable(v)) return;
	var n = apply(tableGet, seen, [v]);
	apply(tableSet, seen, [v, n ? 2 : 1]);
	if (n || !writes(v)) return;
	var keys = ownKeys(v);
	for (var i = 0; i < keys.length; i++) {
		var d = shown(v, keys[i]);
		if (d.enumerable && typeof keys[i] === "string" && !d.get && !d.set) count(d.value, seen);
	}
}

// shown gives a property's descriptor; one that is watched has its value.
function shown(v, k) {
	var d = describe(v, k);
	return d.get && parts.watch && parts.watch.watching(v, k) ? descriptor({ enumerable: d.enumerable, value: v[k] }) : d;
}

// writes tells whether a value is written by its properties.
function writes(v) {
	var source = v.toSource;
	return isArray(v) || source === objectSource || source === undefined;
}

function write(v, state) {
	if (v === undefined) return "(void 0)";
	if (v === null) return "null";
	if (typeof v === "string") return quote(v, '"');
	if (v === 0 && 1 / v < 0) return "-0";
	if (!isObject(v)) return string(v);
	if (callable(v)) return state.inner ? string(v) : "(" + string(v) + ")";
	if (!writes(v)) return callable(v.toSource) ? string(v.toSource()) : "{}";
	var n = apply(tableGet, state.seen, [v]), before = "";
	if (n > 1) {
		if (n === 2) {
			var number = ++state.last;
			apply(tableSet, state.seen, [v, 2 + number]);
			before = "#" + number + "=";
		} else return "#" + (n - 2) + "#";
	}
	var inner = state.inner;
	state.inner = true;
	var out = isArray(v) ? before + writeArray(v, state) : before + writeObject(v, state);
	state.inner = inner;
	return isArray(v) || inner || before ? out : "(" + out + ")";
}

function writeArray(v, state) {
	var out = "[";
	for (var i = 0; i < v.length; i++) {
		if (i) out += ", ";
		if (has(v, i)) out += write(v[i], state);
		else if (i === v.length - 1) out += ",";
	}
	return out + "]";
}

function writeObject(v, state) {
	var out = "{", keys = ownKeys(v), first = true;
	for (var i = 0; i < keys.length; i++) {
		var k = keys[i], d = shown(v, k);
		if (typeof k !== "string" || !d.enumerable) continue;
		var name = apply(exec, identifier, [k]) || string(k >>> 0) === k ? k : quote(k, "'");
		if (d.get) { out += (first ? "" : ", ") + accessorText("get", name, d.get); first = false; }
		if (d.set) { out += (first ? "" : ", ") + accessorText("set", name, d.set); first = false; }
		if (d.get || d.set) continue;
		out += (first ? "" : ", ") + name + ":" + write(d.value, state);
		first = false;
	}
	return out + "}";
}
function accessorText(word, name, f) {
	var text = string(f);
	return word + " " + name + apply(sub, text, [apply(indexOf, text, ["("])]);
}

function sourceOf(v) {
	var seen = new Table();
	count(v, seen);
	return write(v, { seen: seen, last: 0, inner: false });
}
function objectSource() { return sourceOf(this); }
const dateValue = dates.getTime, regexpText = patterns.toString;
const booleanValue = booleans.valueOf, numberValue = numbers.valueOf, stringValue = strings.valueOf;
offer(world, "uneval", function uneval(v) { return sourceOf(v); });
hide(objectSource, "name", "toSource");
offer(objects, "toSource", objectSource);
offer(arrays, "toSource", function toSource() { return sourceOf(this); });
offer(strings, "toSource", function toSource() { return "(new String(" + quote(apply(stringValue, this, []), '"') + "))"; });
offer(numbers, "toSource", function toSource() { return "(new Number(" + sourceOf(apply(numberValue, this, [])) + "))"; });
offer(booleans, "toSource", function toSource() { return "(new Boolean(" + apply(booleanValue, this, []) + "))"; });
offer(dates, "toSource", function toSource() { return "(new Date(" + apply(dateValue, this, []) + "))"; });
offer(patterns, "toSource", function toSource() { return apply(regexpText, this, []); });
offer(functions, "toSource", function toSource() { return "(" + string(this) + ")"; });
offer(errors, "toSource", function toSource() {
	return "(new " + this.name + "(" + quote(string(this.message), '"') + ', "' + string(this.fileName || "") + '", ' + (this.lineNumber || 0) + "))";
});
offer(math, "toSource", function toSource() { return "Math"; });
offer(strings, "quote", function quoted() { return quote(string(this), '"'); });
return true;
})()
