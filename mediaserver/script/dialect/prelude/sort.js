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
