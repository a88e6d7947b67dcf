package xmldoc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func open(t testing.TB, limits engine.Limits) (*engine.Runtime, *Classes) {
	t.Helper()
	if limits.Time == 0 {
		limits.Time = 2 * time.Minute // on a machine that is busy, with the race detector
	}
	rt, err := engine.New(limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rt.Close)
	c, err := New(rt)
	if err != nil {
		t.Fatal(err)
	}
	return rt, c
}

// text is what a source is, as text, or the error that it ends with.
func text(t testing.TB, rt *engine.Runtime, source string) (got string) {
	t.Helper()
	err := rt.Scope(func() error {
		v, err := rt.Load(engine.Source{Name: "main.asc", Text: source})
		if err != nil {
			return err
		}
		got, err = rt.ToString(v)
		return err
	})
	if err != nil {
		return err.Error()
	}
	return got
}

// documents are texts as they are read: the status, and the text again.
var documents = []struct{ source, status, again string }{
	{"", "0", ""},
	{"just text", "0", "just text"},
	{"<a/>", "0", "<a />"},
	{"<a></a>", "0", "<a />"},
	{"<a>x</a>", "0", "<a>x</a>"},
	{"  <a> <b/> </a>\n", "0", "  <a> <b /> </a>\n"},
	{"<a b='1' c = \"2\"  d=\"'\">x</a>", "0", `<a b="1" c="2" d="&apos;">x</a>`},
	{"<a b='x > y'/>", "0", `<a b="x &gt; y" />`},
	{"<a b='1' b='2'/>", "0", `<a b="1" />`},
	{"<A><b></b></A>", "0", "<A><b /></A>"},
	{"<a:b xmlns:a='u'/>", "0", `<a:b xmlns:a="u" />`},
	{"<a>1</a><b>2</b>", "0", "<a>1</a><b>2</b>"},
	{"<a>&lt;&amp;&gt;&quot;&apos;</a>", "0", "<a>&lt;&amp;&gt;&quot;&apos;</a>"},
	{"<a>&#65;&#x42;&#0;&#xffffff;&none;&</a>", "0", "<a>AB&amp;#0;&amp;#xffffff;&amp;none;&amp;</a>"},
	{"<a>&nbsp;</a>", "0", "<a>\u00a0</a>"},
	{"<a><!-- <b> --></a>", "0", "<a />"},
	{"<a><![CDATA[<b>&amp;]]></a>", "0", "<a>&lt;b&gt;&amp;amp;</a>"},
	{`<?xml version="1.0"?><a/>`, "0", `<?xml version="1.0"?><a />`},
	{"<?php x ?><a/>", "0", "<a />"},
	{`<!DOCTYPE a [<!ENTITY e "<b>"> <!ELEMENT a (#PCDATA)>]><a>&e;</a>`, "0", `<!DOCTYPE a [<!ENTITY e "<b>"> <!ELEMENT a (#PCDATA)>]><a>&amp;e;</a>`},
	{"<a><![CDATA[x", "-2", "<a />"},
	{"<?xml version", "-3", ""},
	{"<!DOCTYPE a [ <a/>", "-4", ""},
	{"<a><!-- x", "-5", "<a />"},
	{"<a", "-6", ""},
	{"<a b>", "-6", ""},
	{"<a b=1/>", "-6", ""},
	{"x<", "-6", "x"},
	{"< a>", "-6", ""},
	{"<a></a", "-6", "<a />"},
	{"<a/b>", "-6", ""},
	{"<a b='1>", "-8", ""},
	{"<a><b>x</b>", "-9", "<a><b>x</b></a>"},
	{"<a><b></a>", "-10", "<a><b /></a>"},
	{"</a>", "-10", ""},
	{"<a/></a>", "-10", "<a />"},
}

func TestDocuments(t *testing.T) {
	rt, c := open(t, engine.Limits{})
	for _, d := range documents {
		if got := text(t, rt, fmt.Sprintf("var x = new XML(%s); x.status", quote(d.source))); got != d.status {
			t.Errorf("%s: status %s, want %s", d.source, got, d.status)
		}
		if got := text(t, rt, "x.toString()"); got != d.again {
			t.Errorf("%s: became %s, want %s", d.source, got, d.again)
		}
		if d.status != "0" {
			continue
		}
		if got := text(t, rt, "new XML(x).toString()"); got != d.again {
			t.Errorf("%s: became %s at last", d.again, got)
		}
		err := rt.Scope(func() error {
			o, err := c.Parse(d.source)
			if err != nil {
				return err
			}
			is, err := c.Is(o)
			if got, err := c.Text(o); got != d.again || err != nil || !is {
				t.Errorf("%s: %s, %v, %v", d.source, got, err, is)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(s) + `"`
}

// nodes are what scripts ask of a tree.
var nodes = []struct{ source, want string }{
	{"typeof XML + typeof XMLNode", "functionfunction"},
	{"'XML' in this && !this.propertyIsEnumerable('XML')", "true"},
	{"var x = new XML('<a one=\"1\">t<b/><c>u</c></a>'); x instanceof XML && x instanceof XMLNode", "true"},
	{
		"[x.nodeType, x.nodeName, x.nodeValue, x.parentNode, x.status, x.loaded, x.xmlDecl, x.docTypeDecl, x.contentType].join('|')",
		"1||||0||||application/x-www-form-urlencoded",
	},
	{"var a = x.firstChild; [a.nodeType, a.nodeName, a.nodeValue, a.attributes.one, a.childNodes.length, a.parentNode === x].join()", "1,a,,1,3,true"},
	{"var t = a.firstChild; [t.nodeType, t.nodeName, t.nodeValue, t.hasChildNodes(), t.parentNode === a].join()", "3,,t,false,true"},
	{"t.nextSibling.nodeName + t.nextSibling.nextSibling.nodeName + t.nextSibling.nextSibling.nextSibling", "bcnull"},
	{"a.lastChild.previousSibling.previousSibling === t && t.previousSibling === null && x.nextSibling === null", "true"},
	{"a.childNodes === a.childNodes && a.childNodes[1] === t.nextSibling && a.firstChild === t", "true"},
	{"t.mark = 5; a.childNodes[0].mark", "5"},
	{"var names = []; for (var n in a) names.push(n); for (n in a.attributes) names.push(n); names.join()", "one"},
	{"names = []; for (n in x) names.push(n); names.join()", ""},
	{"var e = x.createElement('e'); e.attributes.k = '<\"'; a.appendChild(e); e.toString() + a.childNodes.length", `<e k="&lt;&quot;" />4`},
	{"a.insertBefore(x.createTextNode('<'), e); e.previousSibling.toString()", "&lt;"},
	{"a.insertBefore(e, t); a.firstChild === e && t.previousSibling === e && a.lastChild.nodeValue", "<"},
	{"a.insertBefore(x.createTextNode('z'), x); a.insertBefore(x.createTextNode('z')); a.childNodes.length", "5"},
	{"a.insertBefore(e, e); a.firstChild === e", "true"},
	{"e.removeNode(); e.parentNode === null && e.nextSibling === null && a.childNodes.length + ',' + t.previousSibling", "4,null"},
	{"e.removeNode(); x.removeNode(); a.toString()", `<a one="1">t<b /><c>u</c>&lt;</a>`},
	{"a.appendChild(t); a.toString()", `<a one="1"><b /><c>u</c>&lt;t</a>`},
	{"a.appendChild(x); a.appendChild(a); a.lastChild === t", "true"},
	{"a.appendChild({}); a.appendChild(null); a.appendChild(); a.childNodes.length", "4"},
	{"var c = a.cloneNode(true); c !== a && c.parentNode === null && c.toString() === a.toString() && c.firstChild !== a.firstChild", "true"},
	{"c.attributes.one = 2; a.attributes.one + a.cloneNode(false)", `1<a one="1" />`},
	{"x.cloneNode(true) instanceof XML && x.cloneNode(true).toString() === x.toString()", "true"},
	{"t.nodeValue = 'a&b'; t.nodeName = 'x'; t.toString() + t.nodeName", "a&amp;bnull"},
	{"a.nodeName = 'A'; a.nodeValue = 'x'; a.nodeName + a.nodeValue", "Anull"},
	{"a.nodeType = 3; a.firstChild = null; a.childNodes.length = 0; a.nodeType + a.firstChild.nodeName", "1b"},
	{"x.parseXML('<z/>'); x.toString() + a.parentNode", "<z />null"},
	{"x.ignoreWhite = true; x.parseXML(' <z> <y/>  v </z> '); x.toString()", "<z><y />  v </z>"},
	{"XML.prototype.ignoreWhite = true; new XML(' <z> </z>').firstChild.hasChildNodes()", "false"},
	{"XML.prototype.greet = function () { return this.firstChild.nodeName }; new XML('<q/>').greet()", "q"},
	{
		"XMLNode.prototype.find = function (n) { for (var i = 0; i < this.childNodes.length; i++) if (this.childNodes[i].nodeName == n) return " +
			"this.childNodes[i] }; new XML('<a><b/><c v=\"1\"/></a>').firstChild.find('c').attributes.v", "1",
	},
	{"new XMLNode(1, 'n').toString() + new XMLNode(3, 'v')", "<n />v"},
	{"new XML(new XML('<a/>')).toString() + new XML(7) + new XML(null)", "<a />7null"},
	{
		"var ns = new XML('<p:a xmlns=\"d\" xmlns:p=\"u\"><b/><p:c/></p:a>').firstChild; [ns.prefix, ns.localName, ns.namespaceURI, " +
			"ns.firstChild.namespaceURI, ns.firstChild.prefix, ns.lastChild.localName, ns.lastChild.namespaceURI].join()", "p,a,u,d,,c,u",
	},
	{
		"ns.firstChild.getNamespaceForPrefix('p') + ns.firstChild.getNamespaceForPrefix('q') + ns.lastChild.getPrefixForNamespace('u') + " +
			"ns.getPrefixForNamespace('d')", "unullp",
	},
	{"XMLNode.prototype.nodeName === undefined && XMLNode.clear === undefined", "true"},
	{"try { XMLNode.prototype.appendChild.call({}, t) } catch (e) { e instanceof TypeError }", "true"},
	{"function Doc() {} Doc.prototype = new XML(); new Doc().nodeName", "undefined"},
}

func TestNodes(t *testing.T) {
	rt, c := open(t, engine.Limits{})
	if o, err := rt.NewObject(); err != nil {
		t.Fatal(err)
	} else if is, err := c.Is(o); is || err != nil {
		t.Error(is, err)
	}
	for _, n := range nodes {
		if got := text(t, rt, n.source); got != n.want {
			t.Errorf("%s gave %s, want %s", n.source, got, n.want)
		}
	}
}

// TestOnDefine: what others add is there before a script sees the class.
func TestOnDefine(t *testing.T) {
	rt, c := open(t, engine.Limits{})
	n := 0
	hook := func(name string) {
		t.Helper()
		err := c.OnDefine(func(prototype *engine.Object) error {
			n++
			f, err := rt.NewFunction(name, 0, func(*engine.Call) (engine.Value, error) { return engine.String(name), nil })
			if err != nil {
				return err
			}
			return prototype.Define(name, f.Value(), engine.Writable|engine.Configurable)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	hook("load")
	if n != 0 {
		t.Error("the class is there before anybody has asked for it")
	}
	if got := text(t, rt, "new XMLNode(1, 'a'); new XML().load()"); got != "load" {
		t.Error(got)
	}
	hook("send")
	if got := text(t, rt, "new XML().send() + new XML().load()"); got != "sendload" || n != 2 {
		t.Error(got, n)
	}
}

// TestOwnClass: a script may have a class of its own under the name.
func TestOwnClass(t *testing.T) {
	rt, c := open(t, engine.Limits{})
	if got := text(t, rt, "function XML(t) { this.t = t } XMLNode = 7; new XML(5).t + XMLNode"); got != "12" {
		t.Error(got)
	}
	o, err := c.Parse("<a/>")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Text(o); err != nil || got != "<a />" {
		t.Error(got, err)
	}
	if got := text(t, rt, "new XML(5).t + XMLNode"); got != "12" {
		t.Error("another class has become ours: ", got)
	}
}

// TestLargeDocuments: depth and width cost memory and time in proportion.
func TestLargeDocuments(t *testing.T) {
	rt, _ := open(t, engine.Limits{})
	for _, row := range [][2]string{
		{"var s = Array(2001).join('<a>'); var x = new XML(s); x.status", "-9"},
		{"x.toString().length + ',' + x.cloneNode(true).toString().length", "13998,13998"},
		{
			"x = null; var w = new XML('<a>' + Array(1001).join('<b c=\"1\"/>') + '</a>'), n = 0; " +
				"for (var k = w.firstChild.firstChild; k; k = k.nextSibling) n++; n", "1000",
		},
		{"n = 0; for (i = 0; i < w.firstChild.childNodes.length; i++) n += Number(w.firstChild.childNodes[i].attributes.c); n", "1000"},
		{"while (w.firstChild.firstChild) w.firstChild.firstChild.removeNode(); w.toString()", "<a />"},
	} {
		began := time.Now()
		if got := text(t, rt, row[0]); got != row[1] {
			t.Errorf("%s gave %s, want %s", row[0], got, row[1])
		}
		t.Logf("%v %.60s", time.Since(began), row[0])
	}
}

// TestLimits: a document that is too large ends in an error, and the runtime goes on.
func TestLimits(t *testing.T) {
	rt, _ := open(t, engine.Limits{Memory: 4 << 20, Time: 500 * time.Millisecond})
	load := func(source string) error {
		return rt.Scope(func() error {
			_, err := rt.Load(engine.Source{Name: "main.asc", Text: source})
			return err
		})
	}
	if err := load("new XML(Array(100001).join('<a/>'))"); !errors.Is(err, engine.ErrMemory) && !errors.Is(err, engine.ErrTime) {
		t.Errorf("a hundred thousand nodes in 4 MB: %v", err)
	}
	if err := load("for (;;) new XML(Array(1001).join('<a b=\"&amp;\">x</a>'))"); !errors.Is(err, engine.ErrTime) {
		t.Errorf("documents without end: %v", err)
	}
	if got := text(t, rt, "new XML('<a/>').firstChild.nodeName"); got != "a" {
		t.Error(got)
	}
}

// FuzzDocument: whatever is read, reading ends, and what a well formed document says
// is the same when it is read again.
func FuzzDocument(f *testing.F) {
	for _, d := range documents {
		f.Add(d.source)
	}
	rt, c := open(f, engine.Limits{Time: 5 * time.Second})
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 64<<10 {
			return
		}
		err := rt.Scope(func() error {
			o, err := c.Parse(source)
			if err != nil {
				return err
			}
			first, err := c.Text(o)
			if err != nil {
				return err
			}
			status, err := o.Get("status")
			if err != nil || status.Number() != 0 {
				return err
			}
			if o, err = c.Parse(first); err != nil {
				return err
			}
			again, err := c.Text(o)
			if again != first {
				t.Errorf("%q became %q, and then %q", source, first, again)
			}
			return err
		})
		if err != nil && !errors.Is(err, engine.ErrValue) {
			t.Fatal(err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	_, c := open(b, engine.Limits{})
	document := "<list>" + strings.Repeat(`<user id="7" name="bob">hello &amp; more</user>`, 100) + "</list>"
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		o, err := c.Parse(document)
		if err != nil {
			b.Fatal(err)
		}
		o.Release()
	}
}
