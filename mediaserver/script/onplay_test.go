package script_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
)

// watches has a viewer of a stream ask, and notes the answer.
func (f *fake) watches(h *script.Host, name string) {
	h.Play(script.PlayRequest{
		Name: name, Way: "flv", Live: true, Address: "192.0.2.7:1", Agent: "curl/8", Referrer: "https://example.org/", Key: "k",
		Query: url.Values{"key": {"k"}, "other": {"p"}}, Track: 2,
	}, f.answered(name))
}

func (f *fake) answered(name string) func(script.PlayAnswer) {
	return func(a script.PlayAnswer) {
		switch {
		case a.Missing:
			f.say("missing %s", name)
		case a.Failed:
			f.say("failed %s: %s", name, a.Reason)
		case a.Accept:
			f.say("watches %s", name)
		default:
			f.say("refused %s: %s", name, a.Reason)
		}
	}
}

func TestOnPlay(t *testing.T) {
	all := func(names ...string) func(h *script.Host, f *fake) {
		return func(h *script.Host, f *fake) {
			for _, name := range names {
				f.watches(h, name)
				h.Sync()
			}
		}
	}
	runAll(t, []scenario{{
		name:   "a script that knows no viewers by HTTP",
		script: `application.__resolve = function() { return function() { return true } }`,
		events: all("a"),
		want:   "missing a",
	}, {
		name: "a script that cannot be loaded", script: `nothing()`,
		events: all("a"),
		want: `failed main.asc:1 load fatal=true: main.asc:1: ReferenceError: 'nothing' is not defined
			failed a: the application's script is not in order`,
	}, {
		name: "what it is given",
		script: `application.onPlay = function(r) {
				trace([this == application, r.name, r.way, r.live, r.ip, r.agent, r.referrer, r.key, r.query.key, r.query.other, r.track].join(" "))
				return true
			}`,
		events: func(h *script.Host, f *fake) {
			f.watches(h, "a")
			h.Play(script.PlayRequest{Name: "b", Address: "[2001:db8::1]:1", Track: -1}, f.answered("b"))
		},
		want: `true a flv true 192.0.2.7 curl/8 https://example.org/ k k p 2
			watches a
			true b  false 2001:db8::1
			watches b`,
	}, {
		name: "all ways to say it",
		script: `application.onPlay = function(r) {
				switch (r.name) {
				case "false": return false
				case "reason": return "not you"
				case "yes": return {accept: true}
				case "no": return {accept: false, reason: 7}
				case "kept": return new Promise(function(ok) { ok("promised") })
				case "later": return new Promise(function(ok) { setTimeout(function() { ok({accept: true}) }, 1) })
				case "twice": r.reject("first"); r.accept(); return true
				case "accept": r.accept(); return false
				case "called": setTimeout(function() { r.reject("called") }, 1); return
				case "throws": throw new Error("in onPlay")
				case "number": return 1
				case "object": return {}
				case "broken": return new Promise(function(ok, no) { no("in promise") })
				case "brokenLater": return new Promise(function(ok, no) { setTimeout(function() { no("in time") }, 1) })
				case "empty": return new Promise(function(ok) { ok() })
				}
			}`,
		events: func(h *script.Host, f *fake) {
			all("false", "reason", "yes", "no", "kept", "twice", "accept", "throws", "number", "object", "broken", "empty")(h, f)
			f.watches(h, "later")
			f.await(f.tb, "watches later")
			f.watches(h, "brokenLater")
			f.await(f.tb, "failed brokenLater")
			f.watches(h, "called")
			f.await(f.tb, "refused called: called")
		},
		want: `refused false:
			refused reason: not you
			watches yes
			refused no: 7
			refused kept: promised
			refused twice: first
			watches accept
			failed main.asc:12 onPlay fatal=false: main.asc:12: Error: in onPlay
			failed throws: the application's script could not decide
			failed onPlay fatal=false: ` + noVerdict + `
			failed number: the application's script could not decide
			failed onPlay fatal=false: ` + noVerdict + `
			failed object: the application's script could not decide
			failed onPlay fatal=false: in promise
			failed broken: the application's script could not decide
			failed onPlay fatal=false: ` + noVerdict + `
			failed empty: the application's script could not decide
			watches later
			failed onPlay fatal=false: the promise of application.onPlay was rejected: in time
			failed brokenLater: the application's script could not decide
			refused called: called`,
	}, {
		name: "clients do not call it",
		script: `application.onPlay = function(r) { Client.prototype.r = r; return true }
			application.onConnect = function(c) { c.a = application; return true }`,
		events: func(h *script.Host, f *fake) {
			f.watches(h, "a")
			h.Connect(newClient("c"), nil)
			f.call(h, "c", "a.onPlay")
			f.call(h, "c", "r.accept")
		},
		want: `watches a
			accept c
			missing: Method not found (a.onPlay).
			missing: Method not found (r.accept).`,
	}})
}

const noVerdict = "application.onPlay says by true or false, by a reason why not, by {accept, reason} or a Promise of one of these whether the viewer may watch; or it returns nothing, and calls request.accept() or request.reject(reason) later"

// Viewers whom nobody decides about wait for a while, and only so many of them, of whom
// one address has a tenth.
func TestOnPlayPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		h := start(t, f, script.Config{Pending: 20, PendingTime: time.Minute, Files: files("main.asc", `application.onPlay = function(r) { if (r.name != "slow") return true }`)})
		from := func(address string) {
			h.Play(script.PlayRequest{Name: "slow", Address: address + ":1", Track: -1}, f.answered(address))
			h.Sync()
		}
		for range 3 {
			from("192.0.2.1")
		}
		f.await(t, "failed 192.0.2.1: too many viewers wait")
		for _, a := range "abcdefghi" {
			from(string(a))
			from(string(a))
		}
		from("j")
		f.await(t, "failed j: too many viewers wait")
		if n := len(f.all()); n != 2 {
			t.Errorf("%d were answered: %q", n, f.all())
		}
		<-time.After(time.Minute)
		synctest.Wait()
		f.await(t, "failed a: the application's script did not decide in time")
		h.Sync()
		f.watches(h, "quick")
		h.Sync()
		f.await(t, "watches quick")
		if n := len(f.all()); n != 2+20+1 {
			t.Errorf("%d were answered: %q", n, f.all())
		}
		// A world that ends says so to those who wait, and those in the queue are the next
		// one's.
		from("k")
		h.Reload(nil)
		f.watches(h, "behind")
		h.Sync()
		f.await(t, "failed k: the application's script has ended")
		f.await(t, "watches behind")
		h.Close()
		<-h.Done()
		f.watches(h, "late")
		f.await(t, "failed late: the script has ended")
	})
}

// FuzzOnPlay is what strangers can say of themselves.
func FuzzOnPlay(f *testing.F) {
	f.Add("cam", "curl/8", "key", "value")
	f.Add("a\x00b", "\xff", "__proto__", "\ud7ff")
	notes := newFake()
	h := start(f, notes, script.Config{Files: files("main.asc", `application.onPlay = function(r) {
		for (var n in r.query) if (typeof r.query[n] != "string") return "no text"
		return r.name + r.agent == r.name.concat(r.agent)
	}`)})
	f.Fuzz(func(t *testing.T, name, agent, param, value string) {
		said := make(chan script.PlayAnswer, 1)
		h.Play(script.PlayRequest{Name: name, Agent: agent, Query: url.Values{param: {value}}, Track: -1}, func(a script.PlayAnswer) { said <- a })
		if a := <-said; !a.Accept {
			t.Errorf("%+v: %s", a, strings.Join(notes.all(), "\n"))
		}
	})
}
