// o.watch(name, handler): the handler is asked what becomes of each value that
// is assigned. The property is an accessor for as long as it is watched.
const watched = new Weak(), reflectGet = Reflect.get;

function watching(o, name) {
	var all = apply(weakGet, watched, [o]);
	var w = all && all[name];
	var d = w && describe(o, name);
	return d && d.get === w.get ? w : null; // it may have been deleted since
}

hide(objects, "watch", function watch(name, handler) {
	name = string(name);
	if (!isObject(this) || !callable(handler)) return false;
	var w = watching(this, name);
	if (w) {
		w.handler = handler;
		return true;
	}
	var d = describe(this, name);
	if (d && !d.configurable) return false;
	w = watcher(this, name, handler, d);
	define(this, name, descriptor({ get: w.get, set: w.set, enumerable: !!d && d.enumerable, configurable: true }));
	var all = apply(weakGet, watched, [this]);
	if (!all) apply(weakSet, watched, [this, all = create(null)]);
	all[name] = w;
	return true;
});

function watcher(o, name, handler, d) {
	var w = create(null), busy = false;
	w.handler = handler;
	w.was = d;
	w.present = !!d;
	w.value = d ? d.value : undefined;
	w.get = function () {
		if (d && d.get) return apply(d.get, this, []);
		if (w.present) return w.value;
		var proto = getProto(o);
		return proto === null ? undefined : reflectGet(proto, name, this);
	};
	w.set = function (v) {
		if (this !== o) { put(this, name, v, true); return; }
		if (!busy) {
			busy = true;
			try { v = apply(w.handler, o, [name, apply(w.get, o, []), v]); } finally { busy = false; }
		}
		if (d && (d.get || d.set)) {
			if (d.set) apply(d.set, o, [v]);
			return;
		}
		w.value = v;
		if (w.present) return;
		w.present = true;
		if (watching(o, name) === w) define(o, name, descriptor({ enumerable: true }));
	};
	return w;
}

hide(objects, "unwatch", function unwatch(name) {
	name = string(name);
	var w = isObject(this) ? watching(this, name) : null;
	if (!w) return;
	delete apply(weakGet, watched, [this])[name];
	if (w.was && (w.was.get || w.was.set)) define(this, name, descriptor(w.was));
	else if (w.present) put(this, name, w.value, describe(this, name).enumerable);
	else delete this[name];
});
