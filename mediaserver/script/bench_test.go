package script_test

import (
	"runtime"
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// small is a script as chat rooms have it.
const small = `var count = 0;
	application.onAppStart = function() { this.started = new Date() }
	application.onConnect = function(client, name) {
		client.name = name;
		application.acceptConnection(client);
		return true }
	application.onDisconnect = function(client) { application.broadcastMsg("left", client.name) }
	Client.prototype.add = function(a, b) { count++; return a + b }
	Client.prototype.say = function(o) { return {from: this.name, text: o.text, n: ++count} }`

// BenchmarkCall is a call of a client's that the script answers: two numbers, or an
// object.
func BenchmarkCall(b *testing.B) {
	for name, call := range map[string]script.Call{
		"numbers": {Method: "add", Args: []amf.Value{1.0, 2.0}},
		"objects": {Method: "say", Args: []amf.Value{amf.NewObject("text", "hello", "to", "all")}},
	} {
		b.Run(name, func(b *testing.B) {
			f := newFake()
			h := start(b, f, script.Config{Files: files("main.asc", small), Limits: engine.Limits{Time: 1e12}})
			h.Connect(newClient("a"), []amf.Value{"anna"})
			h.Sync()
			call.Client = "a"
			var wait sync.WaitGroup
			free := make(chan struct{}, 100) // calls under way
			call.Answer = func(a script.CallAnswer) {
				if a.Failed != "" {
					b.Error(a.Failed)
				}
				<-free
				wait.Done()
			}
			b.ResetTimer()
			for range b.N {
				wait.Add(1)
				free <- struct{}{}
				h.Call(call)
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkIdle is what an instance with a small script holds, in Go and in its
// runtime, and what it takes to start.
func BenchmarkIdle(b *testing.B) {
	f := newFake()
	hosts := make([]*script.Host, 0, b.N)
	before := held()
	for b.Loop() {
		h := start(b, f, script.Config{Files: files("main.asc", small)})
		h.Sync()
		hosts = append(hosts, h)
	}
	used := 0
	for _, h := range hosts {
		used += h.Memory()
	}
	b.ReportMetric(float64(held()-before)/float64(len(hosts)), "B-Go/instance")
	b.ReportMetric(float64(used)/float64(len(hosts)), "B-script/instance")
	runtime.KeepAlive(hosts)
}

// held is what the process has in Go's memory.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
