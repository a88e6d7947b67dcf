// o.watch(name, handler): the handler is asked what becomes of each value that
// is assigned. The property is an accessor for as long as it is watched.
(function () {
const watched = new Weak();

function watching(o, name) {
	var all = apply(weakGet, watched, [o]);
	var w = all && all[name];
	var d = w && describe(o, name);
	return d && d.get === w.get ? w : null; // it may have been deleted since
}

function watch(o, name, handler) {
	name = string(name);
	if (!isObject(o) || !callable(handler)) return false;
	var w = watching(o, name);
	if (w) {
		w.handler = handler;
		return true;
	}
	var d = describe(o, name);
	if (d && !d.configurable) return false;
	w = watcher(o, name, handler, d);
	define(o, name, descriptor({ get: w.get, set: w.set, enumerable: !!d && d.enumerable, configurable: true }));
	var all = apply(weakGet, watched, [o]);
	if (!all) apply(weakSet, watched, [o, all = create(null)]);
	all[name] = w;
	return true;
}

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

function unwatch(o, name) {
	name = string(name);
	var w = isObject(o) ? watching(o, name) : null;
	if (!w) return;
	delete apply(weakGet, watched, [o])[name];
	if (w.was && (w.was.get || w.was.set)) define(o, name, descriptor(w.was));
	else if (w.present) put(o, name, w.value, describe(o, name).enumerable);
	else delete o[name];
}
offer(objects, "watch", function (name, handler) { return watch(this, name, handler); });
offer(objects, "unwatch", function (name) { unwatch(this, name); });
return { watch: watch, unwatch: unwatch, watching: watching };
})()
