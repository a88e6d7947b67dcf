// LoadVars as server-side ActionScript had it. The value of this program is a function
// of natives that makes the class.
(function (n) {
"use strict";
const {request, parse, escape, loaded, total, failed} = n;
const has = Function.prototype.call.bind(Object.prototype.hasOwnProperty);
const define = Object.defineProperty;
const hidden = (o, name, value) => define(o, name, {value, writable: true, configurable: true, enumerable: false});

// What LoadVars itself puts on an object is no variable, nor are handlers.
const own = {contentType: 1, loaded: 1};

function LoadVars() {}

function encode(o) {
  let out = "";
  for (const name in o) {
    const value = o[name];
    if (typeof value === "function" || has(own, name)) continue;
    out += (out === "" ? "" : "&") + escape(name) + "=" + escape(String(value));
  }
  return out;
}

function ask(by, o, target, url, method, body) {
  const type = o.contentType === undefined ? "application/x-www-form-urlencoded" : String(o.contentType);
  return request(by, target, url === undefined || url === null ? "" : String(url), method, body, type, o._customHeaders);
}

const methods = {
  load(url) {
    hidden(this, "loaded", false);
    return ask("LoadVars.load", this, this, url, "GET", "");
  },
  // send(url[, target][, method]): a window to show the answer in is a matter of browsers.
  send(url, target, method) {
    if (method === undefined && /^(get|post)$/i.test(target)) method = target;
    return ask("LoadVars.send", this, null, url, method === undefined ? "POST" : String(method), encode(this));
  },
  sendAndLoad(url, target, method) {
    if (typeof target !== "object" || target === null) return false;
    hidden(target, "loaded", false);
    return ask("LoadVars.sendAndLoad", this, target, url, method === undefined ? "POST" : String(method), encode(this));
  },
  addRequestHeader(name, value) {
    if (!has(this, "_customHeaders")) hidden(this, "_customHeaders", []);
    const all = Array.isArray(name) ? name : [name, value];
    for (let i = 0; i + 1 < all.length; i += 2) this._customHeaders.push(String(all[i]), String(all[i + 1]));
  },
  decode(text) {
    const all = parse(String(text));
    for (let i = 0; i < all.length; i += 2) {
      if (all[i] !== "__proto__") define(this, all[i], {value: all[i + 1], writable: true, configurable: true, enumerable: true});
    }
  },
  getBytesLoaded() { return loaded(this); },
  getBytesTotal() { return total(this); },
  toString() { return encode(this); },
  onData(src) {
    let ok = src !== undefined;
    try {
      if (ok) methods.decode.call(this, src);
    } catch (e) {
      ok = false;
      failed(String(e));
    }
    hidden(this, "loaded", ok);
    if (typeof this.onLoad === "function") this.onLoad(ok);
  },
};
for (const name in methods) hidden(LoadVars.prototype, name, methods[name]);
hidden(LoadVars.prototype, "contentType", "application/x-www-form-urlencoded");
hidden(LoadVars.prototype, "loaded", undefined);
return LoadVars;
})
