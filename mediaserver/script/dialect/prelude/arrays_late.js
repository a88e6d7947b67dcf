// Methods of Array and String as functions of the two: Array.join(a, "-").
(function () {
function generics(type, prototype, names) {
	for (var i = 0; i < names.length; i++) generic(type, names[i], prototype);
}
function generic(type, name, prototype) {
	if (!prototype[name]) return;
	offer(type, name, function (of) {
		var rest = [];
		for (var i = 1; i < arguments.length; i++) rest[i - 1] = arguments[i];
		return apply(prototype[name], of, rest);
	});
}

generics(NativeArray, arrays, ["join", "reverse", "sort", "push", "pop", "shift", "unshift", "splice", "concat", "slice", "indexOf", "lastIndexOf", "forEach", "map", "filter", "some", "every"]);
generics(string, strings, ["quote", "substring", "substr", "toLowerCase", "toUpperCase", "toLocaleLowerCase", "toLocaleUpperCase", "localeCompare", "charAt", "charCodeAt", "indexOf", "lastIndexOf", "match", "search", "replace", "split", "concat", "slice"]);
return true;
})()
