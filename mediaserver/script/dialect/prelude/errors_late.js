// An error says in which file and line it was made.
(function () {
const place = /\(([^()]*?):(\d+)(?::\d+)?\)/, plainPlace = /([^\s()]+?):(\d+)(?::\d+)?\s*$/m;

function whereabouts(e, part) {
	var stack = e.stack;
	if (typeof stack !== "string") return null;
	return apply(exec, place, [stack]) || apply(exec, plainPlace, [stack]);
}
function fromStack(name, value) {
	accessor(Fault.prototype, name, function () {
		var at = whereabouts(this);
		return at ? value(at) : undefined;
	}, function (v) { put(this, name, v, true); });
}
fromStack("fileName", function (at) { return at[1]; });
fromStack("lineNumber", function (at) { return +at[2]; });
return true;
})()
