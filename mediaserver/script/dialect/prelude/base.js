// What all parts use, kept here before a script can change it.
delete world.__dialectHook;
const apply = Reflect.apply, ownKeys = Reflect.ownKeys, getProto = Object.getPrototypeOf, setProto = Object.setPrototypeOf;
const describeOwn = Object.getOwnPropertyDescriptor, create = Object.create;
const patterns = RegExp.prototype, exec = patterns.exec, test = patterns.test, NativeRegExp = RegExp, Table = Map, Mirror = Proxy, Fault = Error;
const objects = Object.prototype, functions = Function.prototype, strings = String.prototype, arrays = Array.prototype;
const NativeArray = Array, define = Object.defineProperty, Object_ = Object, isArray = Array.isArray, defineGetter = objects.__defineGetter__, defineSetter = objects.__defineSetter__;
const dates = Date.prototype, numbers = Number.prototype, booleans = Boolean.prototype, math = Math, errors = Error.prototype;
const nativeReplace = strings.replace, nativeSplit = strings.split, nativeMatch = strings.match, nativeSearch = strings.search;
const tableGet = Map.prototype.get, tableSet = Map.prototype.set, code = strings.charCodeAt, indexOf = strings.indexOf;
const reflectGet = Reflect.get, reflectSet = Reflect.set, reflectHas = Reflect.has;
const has = function (o, k) { return apply(hasOwn, o, [k]); };
const hasOwn = objects.hasOwnProperty;

// Descriptors have no prototype: a script may put a "get" on Object.prototype.
function describe(o, k) {
	var d = describeOwn(o, k);
	return d === undefined ? d : setProto(d, null);
}
function descriptor(from) {
	var d = create(null);
	for (var k in from) if (has(from, k)) d[k] = from[k];
	return d;
}

// natives are functions of this file that scripts see: they show no text, as
// the engine's own.
const Weak = WeakMap, weakGet = WeakMap.prototype.get, weakSet = WeakMap.prototype.set, weakHas = WeakMap.prototype.has;
const natives = new Weak();
function native(f) { if (typeof f === "function") apply(weakSet, natives, [f, true]); }

// hide gives an object something that for…in does not see.
function hide(o, name, value) {
	native(value);
	define(o, name, descriptor({ value: value, writable: true, enumerable: false, configurable: true }));
}

// offer does so where a script has nothing of that name.
function offer(o, name, value) { if (!has(o, name)) hide(o, name, value); }

function accessor(o, name, get, set) {
	native(get);
	native(set);
	define(o, name, descriptor({ get: get, set: set, enumerable: false, configurable: true }));
}

// put defines a property as an assignment would that meets no setter.
function put(o, name, value, enumerable) {
	define(o, name, descriptor({ value: value, writable: true, enumerable: enumerable, configurable: true }));
}

function callable(f) { return typeof f === "function"; }
function isObject(v) { return v !== null && (typeof v === "object" || typeof v === "function"); }

// What rewritten sources call.
const dialect = create(null);
// Whether a function is one of these, for the host: clients do not call them.
dialect.native = function (f) { return apply(weakHas, natives, [f]); };
define(world, "__dialect", descriptor({ value: dialect, writable: false, enumerable: false, configurable: false }));
