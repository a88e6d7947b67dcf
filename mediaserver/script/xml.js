// What the class XML has for documents from elsewhere. The value of this program is a
// function of natives that makes a function which adds it to XML's prototype.
(function (n) {
"use strict";
const {request, loaded, total, failed} = n;
const has = Function.prototype.call.bind(Object.prototype.hasOwnProperty);
const hidden = (o, name, value) => Object.defineProperty(o, name, {value, writable: true, configurable: true, enumerable: false});

function ask(by, o, target, url, method, body) {
  const type = o.contentType === undefined ? "application/x-www-form-urlencoded" : String(o.contentType);
  return request(by, target, url === undefined || url === null ? "" : String(url), method, body, type, o._customHeaders);
}

const methods = {
  load(url) {
    this.loaded = false;
    return ask("XML.load", this, this, url, "GET", "");
  },
  send(url) { return ask("XML.send", this, null, url, "POST", String(this)); },
  sendAndLoad(url, target) {
    if (typeof target !== "object" || target === null) return false;
    hidden(target, "loaded", false);
    return ask("XML.sendAndLoad", this, target, url, "POST", String(this));
  },
  addRequestHeader(name, value) {
    if (!has(this, "_customHeaders")) hidden(this, "_customHeaders", []);
    const all = Array.isArray(name) ? name : [name, value];
    for (let i = 0; i + 1 < all.length; i += 2) this._customHeaders.push(String(all[i]), String(all[i + 1]));
  },
  getBytesLoaded() { return loaded(this); },
  getBytesTotal() { return total(this); },
  onData(src) {
    let ok = src !== undefined;
    try {
      if (ok) this.parseXML(src);
    } catch (e) {
      ok = false;
      failed(String(e));
    }
    this.loaded = ok;
    if (typeof this.onLoad === "function") this.onLoad(ok);
  },
};
return (prototype) => {
  for (const name in methods) hidden(prototype, name, methods[name]);
};
})
