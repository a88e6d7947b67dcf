// Methods of Array and String as functions of the two: Array.join(a, "-").
function generics(type, prototype, names) {
	for (var i = 0; i < names.length; i++) generic(type, names[i], prototype[names[i]]);
}
function generic(type, name, method) {
	if (!method || has(type, name)) return;
	hide(type, name, function (of) {
		var rest = [];
		for (var i = 1; i < arguments.length; i++) rest[i - 1] = arguments[i];
		return apply(method, of, rest);
	});
}

// sort asks the other way round where a comparison says neither before nor
// behind: many return a Boolean, or 1 and 0, which the engine takes for "equal".
const nativeSort = arrays.sort;
hide(arrays, "sort", function sort(compare) {
	if (compare === undefined) return apply(nativeSort, this, []);
	if (!callable(compare)) return apply(nativeSort, this, [compare]);
	return apply(nativeSort, this, [function (a, b) {
		var order = compare(a, b);
		if (order > 0) return 1;
		if (order < 0) return -1;
		order = compare(b, a);
		return order > 0 ? -1 : order < 0 ? 1 : 0;
	}]);
});

generics(Array, arrays, ["join", "reverse", "sort", "push", "pop", "shift", "unshift", "splice", "concat", "slice", "indexOf", "lastIndexOf", "forEach", "map", "filter", "some", "every"]);
generics(String, strings, ["quote", "substring", "substr", "toLowerCase", "toUpperCase", "toLocaleLowerCase", "toLocaleUpperCase", "localeCompare", "charAt", "charCodeAt", "indexOf", "lastIndexOf", "match", "search", "replace", "split", "concat", "slice"]);
