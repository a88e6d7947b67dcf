// Sources that a script makes itself are rewritten as files are.
const eval = world.eval, evaluate = eval, nativeText = functions.toString;
const SyntaxFault = SyntaxError, string = String, join = arrays.join;

function ask(what, a, b) {
	var answer = hook(what, a, b);
	if (answer[0] === "+") return apply(sub, answer, [1]);
	throw new SyntaxFault(apply(sub, answer, [1]));
}
const sub = strings.substring;

// part gives what is seldom needed, when it is first asked for: it is read
// here, and sees all that is here.
const parts = create(null);
function part(name) { return parts[name] || (parts[name] = eval(ask("part", name, ""))); }
// A rewritten source says at its beginning what it will ask for.
dialect.need = function () { for (let i = 0; i < arguments.length; i++) part(arguments[i]); };

// eval stays a call of eval, which sees the variables around it; this is what
// its argument becomes.
dialect.eval = function (text) { return typeof text === "string" ? ask("eval", text, "") : text; };
// An eval that goes by another name sees global variables only.
dialect.indirect = function (text) { return evaluate(dialect.eval(text)); };
hide(dialect.indirect, "name", "eval");
native(dialect.indirect);

const made = function Function() {
	var n = arguments.length, parameters = [];
	for (var i = 0; i < n - 1; i++) parameters[i] = string(arguments[i]);
	return evaluate(ask("function", apply(join, parameters, [","]), n > 0 ? string(arguments[n - 1]) : ""));
};
define(made, "prototype", descriptor({ value: functions, writable: false, enumerable: false, configurable: false }));
hide(functions, "constructor", made);
hide(world, "Function", made);

// A function shows the text that its author wrote.
hide(functions, "toString", function toString() {
	if (apply(weakHas, natives, [this])) return "function " + this.name + "() {\n    [native code]\n}";
	return ask("text", apply(nativeText, this, []), "");
});

accessor(functions, "arity", function () { return this.length; });

