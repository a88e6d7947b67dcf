// XML and XMLNode as server-side ActionScript had them. The value of this program is
// a function that makes both classes, and what Go asks about their objects.
(function () {
"use strict";
const define = (o, name, value) => Object.defineProperty(o, name, {value, writable: true, configurable: true, enumerable: false});
const named = {amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0"};
const signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"};

const escape = (s) => /[&<>"']/.test(s) ? s.replace(/[&<>"']/g, (c) => signs[c]) : s;

function unescape(s) {
  if (s.indexOf("&") < 0) return s;
  return s.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g, (all, decimal, hex, name) => {
    if (name !== undefined) return Object.hasOwn(named, name) ? named[name] : all;
    const code = decimal !== undefined ? parseInt(decimal, 10) : parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

let isNode, textOf, read, clear, takes, put, place, child, sibling, copied;

class XMLNode {
  #type; #name = null; #value = null; #attributes = null;
  #parent = null; #kids = null; #shown = null;
  #at = 0; // where among its parent's children it was last seen

  // What the class alone may do with a node. A private method would cost each node that is made.
  static {
    clear = (root) => {
      for (const kid of root.#kids === null ? [] : root.#kids) kid.#parent = null;
      root.#kids = root.#shown = null;
    };
    // Whether a node may become a child: it is none of those above. It leaves its parent.
    takes = (parent, kid) => {
      if (!isNode(kid)) return false;
      for (let n = parent; n !== null; n = n.#parent) if (n === kid) return false;
      if (kid.#parent !== null) {
        kid.#parent.#kids.splice(place(kid), 1);
        kid.#parent.#shown = null;
        kid.#parent = null;
      }
      return true;
    };
    put = (parent, kid, at) => {
      if (parent.#kids === null) parent.#kids = [];
      if (at === parent.#kids.length) parent.#kids.push(kid);
      else parent.#kids.splice(at, 0, kid);
      kid.#parent = parent;
      kid.#at = at;
      parent.#shown = null;
    };
    place = (node) => {
      const kids = node.#parent.#kids;
      if (kids[node.#at] !== node) node.#at = kids.indexOf(node);
      return node.#at;
    };
    child = (node, i) => node.#kids === null ? null : node.#kids.at(i) ?? null;
    sibling = (node, by) => {
      if (node.#parent === null) return null;
      const i = place(node) + by;
      return i < 0 ? null : node.#parent.#kids[i] ?? null;
    };
    copied = (node) => {
      const copy = node instanceof XML ? new XML() : new XMLNode(node.#type, node.#type === 1 ? node.#name : node.#value);
      if (node.#attributes !== null) copy.#attributes = Object.assign({}, node.#attributes);
      if (node instanceof XML) {
        for (const name of own) copy[name] = node[name];
      }
      return copy;
    };

    isNode = (o) => typeof o === "object" && o !== null && #type in o;

    // A node's text, without recursion: the stack has nodes, and texts to come behind them.
    textOf = (node) => {
      let out = "";
      const stack = [node];
      while (stack.length > 0) {
        const n = stack.pop();
        if (typeof n === "string") { out += n; continue; }
        if (n instanceof XML) out += (n.xmlDecl || "") + (n.docTypeDecl || "");
        if (n.#type !== 1) { out += escape(n.#value === null ? "" : n.#value); continue; }
        const kids = n.#kids;
        const empty = kids === null || kids.length === 0;
        if (n.#name !== null) {
          out += "<" + n.#name;
          if (n.#attributes !== null) {
            for (const name of Object.keys(n.#attributes)) out += " " + name + '="' + escape(String(n.#attributes[name])) + '"';
          }
          if (empty) { out += " />"; continue; }
          out += ">";
          stack.push("</" + n.#name + ">");
        }
        if (!empty) for (let i = kids.length - 1; i >= 0; i--) stack.push(kids[i]);
      }
      return out;
    };

    const attribute = /\s*([^\s=\/>"']+)\s*=\s*/y;
    const tagName = /[^\s\/>]+/y;
    const space = /\s*/y;

    // A document's text becomes the children of root; what comes back is a status.
    read = (root, text, ignoreWhite) => {
      let at = 0, top = root;
      const add = (node) => put(top, node, top.#kids === null ? 0 : top.#kids.length);
      const behind = (end, from) => {
        const i = text.indexOf(end, from);
        return i < 0 ? -1 : i + end.length;
      };
      while (at < text.length) {
        let next = text.indexOf("<", at);
        if (next < 0) next = text.length;
        if (next > at) {
          const raw = text.slice(at, next);
          if (!ignoreWhite || /\S/.test(raw)) add(new XMLNode(3, unescape(raw)));
          at = next;
          continue;
        }
        if (text.startsWith("<!--", at)) {
          if ((at = behind("-->", at + 4)) < 0) return -5;
        } else if (text.startsWith("<![CDATA[", at)) {
          const end = text.indexOf("]]>", at + 9);
          if (end < 0) return -2;
          if (end > at + 9) add(new XMLNode(3, text.slice(at + 9, end)));
          at = end + 3;
        } else if (text.startsWith("<?", at)) {
          const end = behind("?>", at + 2);
          if (end < 0) return -3;
          if (/^<\?xml\s/.test(text.slice(at, at + 6))) root.xmlDecl = (root.xmlDecl || "") + text.slice(at, end);
          at = end;
        } else if (text.startsWith("<!", at)) {
          let end = at, open = 0;
          const mark = /[<>\[\]]/g;
          mark.lastIndex = at;
          for (let m; ; ) {
            if ((m = mark.exec(text)) === null) return -4;
            if (m[0] === "<" || m[0] === "[") open++;
            else if (--open === 0) { end = m.index + 1; break; }
          }
          root.docTypeDecl = text.slice(at, end);
          at = end;
        } else if (text.startsWith("</", at)) {
          const end = text.indexOf(">", at);
          if (end < 0) return -6;
          if (top === root || top.#name !== text.slice(at + 2, end).trim()) return -10;
          top = top.#parent;
          at = end + 1;
        } else {
          tagName.lastIndex = at + 1;
          const name = tagName.exec(text);
          if (name === null) return -6;
          const node = new XMLNode(1, name[0]);
          at = tagName.lastIndex;
          for (;;) {
            attribute.lastIndex = at;
            const a = attribute.exec(text);
            if (a === null) break;
            const quote = text[attribute.lastIndex];
            if (quote !== '"' && quote !== "'") return -6;
            const end = text.indexOf(quote, attribute.lastIndex + 1);
            if (end < 0) return -8;
            const all = node.attributes;
            if (!Object.hasOwn(all, a[1])) all[a[1]] = unescape(text.slice(attribute.lastIndex + 1, end));
            at = end + 1;
          }
          space.lastIndex = at;
          space.exec(text);
          at = space.lastIndex;
          const closed = text[at] === "/";
          if (closed) at++;
          if (text[at] !== ">") return -6;
          at++;
          add(node);
          if (!closed) top = node;
        }
      }
      return top === root ? 0 : -9;
    };
  }

  constructor(type, value) {
    this.#type = type >>> 0;
    const text = value === undefined || value === null ? null : String(value);
    if (this.#type === 1) this.#name = text;
    else this.#value = text;
  }

  get nodeType() { return isNode(this) ? this.#type : undefined; }
  get nodeName() { return isNode(this) ? this.#name : undefined; }
  set nodeName(v) { if (isNode(this) && this.#type === 1 && !(this instanceof XML)) this.#name = v === undefined || v === null ? null : String(v); }
  get nodeValue() { return isNode(this) ? this.#value : undefined; }
  set nodeValue(v) { if (isNode(this) && this.#type !== 1) this.#value = v === undefined || v === null ? null : String(v); }
  get attributes() { return isNode(this) ? this.#attributes ??= {} : undefined; }
  set attributes(v) { if (isNode(this) && typeof v === "object" && v !== null) this.#attributes = v; }
  get parentNode() { return isNode(this) ? this.#parent : undefined; }
  get childNodes() { return isNode(this) ? this.#shown ??= this.#kids === null ? [] : this.#kids.slice() : undefined; }
  get firstChild() { return isNode(this) ? child(this, 0) : undefined; }
  get lastChild() { return isNode(this) ? child(this, -1) : undefined; }
  get nextSibling() { return isNode(this) ? sibling(this, 1) : undefined; }
  get previousSibling() { return isNode(this) ? sibling(this, -1) : undefined; }

  get prefix() {
    const name = isNode(this) ? this.#name : null;
    return name === null ? name : name.indexOf(":") < 0 ? "" : name.slice(0, name.indexOf(":"));
  }
  get localName() {
    const name = isNode(this) ? this.#name : null;
    return name === null ? name : name.slice(name.indexOf(":") + 1);
  }
  get namespaceURI() {
    const prefix = this.prefix;
    return prefix === null ? null : this.getNamespaceForPrefix(prefix) ?? "";
  }
  getNamespaceForPrefix(prefix) {
    const name = prefix ? "xmlns:" + prefix : "xmlns";
    for (let n = this; n !== null; n = n.#parent) {
      if (n.#attributes !== null && Object.hasOwn(n.#attributes, name)) return String(n.#attributes[name]);
    }
    return null;
  }
  getPrefixForNamespace(uri) {
    for (let n = this; n !== null; n = n.#parent) {
      for (const name of n.#attributes === null ? [] : Object.keys(n.#attributes)) {
        if (String(n.#attributes[name]) !== String(uri)) continue;
        if (name === "xmlns") return "";
        if (name.startsWith("xmlns:")) return name.slice(6);
      }
    }
    return null;
  }

  hasChildNodes() { return this.#kids !== null && this.#kids.length > 0; }
  appendChild(kid) { if (takes(this, kid)) put(this, kid, this.#kids === null ? 0 : this.#kids.length); }
  insertBefore(kid, before) {
    if (!isNode(before) || before.#parent !== this || before === kid || !takes(this, kid)) return;
    put(this, kid, place(before));
  }
  removeNode() {
    const parent = this.#parent;
    if (parent === null) return;
    parent.#kids.splice(place(this), 1);
    parent.#shown = null;
    this.#parent = null;
  }
  cloneNode(deep) {
    const root = copied(this);
    const stack = deep ? [this, root] : [];
    while (stack.length > 0) {
      const to = stack.pop(), from = stack.pop();
      for (const kid of from.#kids === null ? [] : from.#kids) {
        const copy = copied(kid);
        put(to, copy, to.#kids === null ? 0 : to.#kids.length);
        stack.push(kid, copy);
      }
    }
    return root;
  }
  toString() { this.#type; return textOf(this); }
}

const own = ["status", "loaded", "xmlDecl", "docTypeDecl"];

class XML extends XMLNode {
  constructor(source) {
    super(1, null);
    for (const name of own) define(this, name, name === "status" ? 0 : undefined);
    if (source !== undefined) parse(this, source);
  }
  parseXML(source) { parse(this, source); }
  createElement(name) { return new XMLNode(1, name); }
  createTextNode(text) { return new XMLNode(3, text); }
}
define(XML.prototype, "ignoreWhite", false);
define(XML.prototype, "contentType", "application/x-www-form-urlencoded");

function parse(document, source) {
  clear(document);
  document.xmlDecl = document.docTypeDecl = undefined;
  document.status = read(document, String(source), Boolean(document.ignoreWhite));
}

return [XML, XMLNode, isNode, textOf];
})
