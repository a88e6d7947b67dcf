// XMLSocket: texts that end with a zero byte, over TCP. The value of this program is a
// function of natives that makes the class.
(function (n) {
"use strict";
const {open, write, close} = n;
const hidden = (o, name, value) => Object.defineProperty(o, name, {value, writable: true, configurable: true, enumerable: false});

function XMLSocket() {}
const methods = {
  connect(host, port) { return open(this, host === undefined || host === null ? "" : String(host), Number(port)); },
  send(object) { return write(this, String(object)); },
  close() { close(this); },
  onData(src) { if (typeof this.onXML === "function") this.onXML(new XML(src)); },
};
for (const name in methods) hidden(XMLSocket.prototype, name, methods[name]);
return XMLSocket;
})
