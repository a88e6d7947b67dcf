// Sharp variables. What #1# stands for may not be there yet: a stand-in is
// put in its place, and replaced when it is.
(function () {
const sharps = create(null), standIns = new Weak();
function begin(n) {
	var place = create(null);
	place.n = n;
	place.used = false;
	apply(weakSet, standIns, [place, true]);
	return sharps[n] = place;
}
function sharp(n) {
	var v = sharps[n];
	if (v === undefined) throw new SyntaxFault("#" + n + "# is not defined");
	if (apply(weakHas, standIns, [v])) v.used = true;
	return v;
}
function settled(place, v) {
	sharps[place.n] = v;
	if (place.used) settle(v, place);
	return v;
}
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
return { begin: begin, sharp: sharp, define: settled };
})()
