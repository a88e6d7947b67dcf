// What functions tell of their activations, for f.arguments and f.caller.
(function () {
const frames = [];
let depth = 0;
dialect.enter = function (a) { frames[depth++] = a; };
dialect.leave = function () { frames[--depth] = null; };

function activation(f) {
	for (var i = depth - 1; i >= 0; i--) if (frames[i].callee === f) return i;
	return -1;
}
accessor(functions, "arguments", function () {
	var i = activation(this);
	return i < 0 ? null : frames[i];
}, function () { });
accessor(functions, "caller", function () {
	var i = activation(this);
	return i < 1 ? null : frames[i - 1].callee;
}, function () { });
return true;
})()
