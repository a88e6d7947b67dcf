// o.__resolve is asked for every property that o lacks. What o inherits from
// is put behind a proxy, which is come to for nothing else.
(function () {
const behind = new Weak(), nothing = create(null);

function protoOf(o) {
	var p = getProto(o);
	return p !== null && apply(weakHas, behind, [p]) ? apply(weakGet, behind, [p]) : p;
}

function mirror(old) {
	var traps = create(null);
	traps.get = function (_, k, receiver) {
		if (old !== null && (typeof k === "symbol" || k === "__resolve" || reflectHas(old, k))) return reflectGet(old, k, receiver);
		if (typeof k === "symbol" || k === "__resolve") return undefined;
		var f = receiver.__resolve;
		return callable(f) ? apply(f, receiver, [k]) : undefined;
	};
	traps.has = function (_, k) { return old !== null && reflectHas(old, k); };
	traps.set = function (_, k, v, receiver) { return reflectSet(old === null ? nothing : old, k, v, receiver); };
	traps.getPrototypeOf = function () { return old; };
	traps.ownKeys = function () { return []; };
	traps.getOwnPropertyDescriptor = function () { return undefined; };
	var p = new Mirror(create(null), traps);
	apply(weakSet, behind, [p, old]);
	return p;
}

function resolving(o) {
	var p = getProto(o);
	if (o === objects || o === world || p !== null && apply(weakHas, behind, [p])) return;
	showProtos();
	setProto(o, mirror(p));
}

// showProtos lets __proto__ look behind proxies, from the first one on.
let protosShown = false;
function showProtos() {
	if (protosShown) return;
	protosShown = true;
	accessor(objects, "__proto__", function () { return protoOf(Object_(this)); }, function (v) {
		if (!isObject(this) || v !== null && !isObject(v)) return;
		setProto(this, v);
		if (has(this, "__resolve")) resolving(this);
	});
}
accessor(objects, "__resolve", function () { return undefined; }, function (f) {
	if (!isObject(this)) return;
	put(this, "__resolve", f, true);
	resolving(this);
});
return resolving;
})()
