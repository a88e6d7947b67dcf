// What single forms become.
const iterator = Symbol.iterator;

// for each (x in o): the values of the properties that are still there.
dialect.each = function (o) {
	var keys = [], n = 0, i = 0, it = create(null), result = create(null);
	if (o !== undefined && o !== null) {
		o = Object_(o);
		for (var k in o) keys[n++] = k;
	}
	it[iterator] = function () { return it; };
	it.next = function () {
		while (i < n) {
			var k = keys[i++];
			if (!(k in o)) continue;
			result.value = o[k];
			result.done = false;
			return result;
		}
		result.value = undefined;
		result.done = true;
		return result;
	};
	return it;
};

// A global constant: the last definition holds, assignments are ignored.
dialect.constant = function (name, value) {
	var d = describe(world, name);
	if (!d || d.configurable) define(world, name, descriptor({ value: value, writable: false, enumerable: true, configurable: true }));
	else if (d.writable) define(world, name, descriptor({ value: value, writable: false }));
};
// What an assignment to a constant gives, and where it goes in a loop.
dialect.pass = function (v) { return v; };
dialect.lost = undefined;

dialect.getter = function (o, name, f) { apply(defineGetter, o, [name, f]); return f; };
dialect.setter = function (o, name, f) { apply(defineSetter, o, [name, f]); return f; };

dialect.begin = function (n) { return part("sharp").begin(n); };
dialect.sharp = function (n) { return part("sharp").sharp(n); };
dialect.define = function (place, v) { return part("sharp").define(place, v); };
// A literal defines its properties, and meets no setter.
dialect.resolving = function (o) { part("resolve")(o); return o; };
