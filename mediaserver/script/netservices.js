// What scripts load as netservices.asc: services of a gateway as objects whose methods
// are calls. The value of this program is a function of natives that makes NetServices.
(function (n) {
"use strict";
const {failed} = n;
const connections = NetConnection.prototype;
const hidden = (o, name, value) => Object.defineProperty(o, name, {value, writable: true, configurable: true, enumerable: false});
const callable = (f) => typeof f === "function";
const isObject = (o) => typeof o === "object" && o !== null || callable(o);

// An answer goes to a method's own handler, or to the one for all; a failure that nobody
// handles goes to the connection, and to application.
function answers(nc, method, to) {
  const tell = (own, all, v) => {
    if (!isObject(to)) return false;
    const handler = callable(to[own]) ? own : callable(to[all]) ? all : undefined;
    if (handler === undefined) return false;
    to[handler](v);
    return true;
  };
  return {
    onResult(v) { tell(method + "_Result", "onResult", v); },
    onStatus(info) {
      if (tell(method + "_Status", "onStatus", info)) return;
      if (callable(nc.onStatus)) nc.onStatus(info);
      else if (callable(application.onStatus)) application.onStatus(info);
      else failed(method + ": " + (isObject(info) ? info.description : info));
    },
  };
}

const own = {toString() { return "[object NetServiceProxy]"; }, valueOf() { return this; }};

function service(nc, name, responder) {
  const known = Object.assign(Object.create(null), own);
  return new Proxy(known, {
    get(target, method, self) {
      if (typeof method !== "string" || method in target) return Reflect.get(target, method, self);
      return function (...args) {
        let to = responder;
        if (isObject(args[0]) && callable(args[0].onResult)) to = args.shift();
        else if (!isObject(responder)) to = args.length > 0 && isObject(args[0]) ? args.shift() : undefined;
        return nc.call(name + "." + method, answers(nc, method, to), ...args);
      };
    },
  });
}

hidden(connections, "getService", function getService(name, responder) { return service(this, String(name), responder); });
hidden(connections, "setCredentials", function setCredentials(user, password) {
  this.addHeader("Credentials", false, {userid: user, password: password});
});
hidden(connections, "clone", function clone() {
  const nc = new NetConnection();
  nc.connect(this.uri);
  return nc;
});

let gatewayUrl;
const NetServices = {};
const functions = {
  setDefaultGatewayUrl(url) { gatewayUrl = url; },
  setDefaultGatewayURL(url) { gatewayUrl = url; },
  setGatewayUrl(url) { gatewayUrl = url; },
  createGatewayConnection(url) {
    const to = url === undefined || url === null ? gatewayUrl : url;
    if (to === undefined) {
      failed("NetServices.createGatewayConnection: there is no URL: give one, or call NetServices.setDefaultGatewayUrl before");
      return null;
    }
    const nc = new NetConnection();
    nc.connect(to);
    return nc;
  },
  getVersion() { return 1; },
};
for (const name in functions) hidden(NetServices, name, functions[name]);

// RecordSet is what a query comes as. All of it is there: nothing is paged.
function RecordSet(columns) {
  hidden(this, "mTitles", columns === undefined ? [] : columns);
  hidden(this, "items", []);
}
const records = {
  onInitialize() {
    const info = this.serverInfo;
    if (!isObject(info)) return;
    const titles = info.columnNames === undefined ? [] : Array.from(info.columnNames);
    const rows = info.initialData === undefined ? [] : Array.from(info.initialData);
    hidden(this, "mTitles", titles);
    hidden(this, "items", rows.map((row) => {
      const item = {};
      for (let i = 0; i < titles.length; i++) item[titles[i]] = row[i];
      return item;
    }));
  },
  getLength() { return this.items.length; },
  getNumberAvailable() { return this.items.length; },
  isFullyPopulated() { return true; },
  isLocal() { return true; },
  getColumnNames() { return this.mTitles; },
  getItemAt(i) { return this.items[i]; },
  addItem(item) { this.items.push(item); },
  removeItemAt(i) { this.items.splice(i, 1); },
};
for (const name in records) hidden(RecordSet.prototype, name, records[name]);
application.registerClass("RecordSet", RecordSet);
hidden(globalThis, "RecordSet", RecordSet);
return NetServices;
})
