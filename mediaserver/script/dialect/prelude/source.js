// toSource, uneval and quote: what they do comes when it is first asked for.
const dateValue = Date.prototype.getTime, regexpText = patterns.toString, isArray = Array.isArray, errors = Error.prototype;
const Table = Map, tableGet = Map.prototype.get, tableSet = Map.prototype.set, code = strings.charCodeAt, indexOf = strings.indexOf;
const booleanValue = Boolean.prototype.valueOf, numberValue = Number.prototype.valueOf, stringValue = strings.valueOf;

hide(world, "uneval", function uneval(v) { return part("source").write(v); });
function objectSource() { return part("source").write(this); }
hide(objectSource, "name", "toSource");
hide(objects, "toSource", objectSource);
hide(arrays, "toSource", function toSource() { return part("source").write(this); });
hide(strings, "toSource", function toSource() { return "(new String(" + part("source").quote(apply(stringValue, this, []), '"') + "))"; });
hide(Number.prototype, "toSource", function toSource() { return "(new Number(" + part("source").write(apply(numberValue, this, [])) + "))"; });
hide(Boolean.prototype, "toSource", function toSource() { return "(new Boolean(" + apply(booleanValue, this, []) + "))"; });
hide(Date.prototype, "toSource", function toSource() { return "(new Date(" + apply(dateValue, this, []) + "))"; });
hide(patterns, "toSource", function toSource() { return apply(regexpText, this, []); });
hide(functions, "toSource", function toSource() { return "(" + string(this) + ")"; });
hide(errors, "toSource", function toSource() {
	const quote = part("source").quote;
	return "(new " + this.name + "(" + quote(string(this.message), '"') + ', "' + string(this.fileName || "") + '", ' + (this.lineNumber || 0) + "))";
});
hide(Math, "toSource", function toSource() { return "Math"; });
hide(strings, "quote", function quote() { return part("source").quote(string(this), '"'); });
