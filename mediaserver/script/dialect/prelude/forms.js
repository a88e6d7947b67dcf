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

const defineGetter = objects.__defineGetter__, defineSetter = objects.__defineSetter__;
dialect.getter = function (o, name, f) { apply(defineGetter, o, [name, f]); return f; };
dialect.setter = function (o, name, f) { apply(defineSetter, o, [name, f]); return f; };

// Sharp variables. What #1# stands for may not be there yet: a stand-in is
// put in its place, and replaced when it is.
const sharps = create(null), standIns = new Weak();
dialect.begin = function (n) {
	var place = create(null);
	place.n = n;
	place.used = false;
	apply(weakSet, standIns, [place, true]);
	return sharps[n] = place;
};
dialect.sharp = function (n) {
	var v = sharps[n];
	if (v === undefined) throw new SyntaxFault("#" + n + "# is not defined");
	if (apply(weakHas, standIns, [v])) v.used = true;
	return v;
};
dialect.define = function (place, v) {
	sharps[place.n] = v;
	if (place.used) settle(v, place);
	return v;
};
function settle(v, place) {
	var seen = new Weak(), list = [v], n = 1;
	while (n > 0) {
		var o = list[--n];
		if (apply(weakHas, seen, [o])) continue;
		apply(weakSet, seen, [o, true]);
		for (var k in o) {
			var d = describe(o, k);
			if (!d || d.get || d.set) continue;
			if (d.value === place) o[k] = v;
			else if (isObject(d.value) && !callable(d.value) && !apply(weakHas, standIns, [d.value])) list[n++] = d.value;
		}
	}
}
