package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Edge is an edge, or a gateway, as metrics show it. The operator of a cluster counts both
// by them.
type Edge struct {
	Connections int64 // of clients, now
	Feeds       int   // live streams
	// Links are instances that it is linked to, or was and will be again; Linked, those to
	// which it is now. Lost are links that have ended while clients used them, since the start.
	Links, Linked int
	Lost          uint64
	// Interrupted is how often publications have lost their way to the origin, and Dropped
	// how many messages of sound and pictures until they had it again, since the start.
	Interrupted, Dropped uint64
	// Viewers are those who watch now, by way: by RTMP players of live streams alone.
	Viewers map[string]int
	// ViewersTotal are those by HTTP since the start.
	ViewersTotal uint64
	// Sent are bytes to clients by RTMP and viewers by HTTP, since the start.
	Sent uint64
	// RoundTime is the longest round of late, see stream.Fanout.RoundTime.
	RoundTime time.Duration
	// Taken and Given are the bytes that came over links and went, by purpose.
	Taken, Given map[string]uint64
	// Passed are packets of WebRTC passed on, by to whom: the edge that has the session, its
	// client. None where edges have addresses of their own.
	Passed map[string]uint64
}

// edgeMetrics are those of an edge, or a gateway: there are none of another server.
type edgeMetrics struct {
	src Source
	all []*prometheus.Desc

	connections, linked, lost, interrupted, dropped, feeds, viewers, viewed, sent, round, taken, given, passed *prometheus.Desc
}

func newEdgeMetrics(src Source) *edgeMetrics {
	m := &edgeMetrics{src: src}
	of := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc("flashpod_edge_"+name, help, labels, nil)
		m.all = append(m.all, d)
		return d
	}
	m.connections = of("connections", "Connections of clients to this edge now, those that come by edges behind it included: a sum over a tree of edges counts them twice; flashpod_direct_connections does not.")
	m.linked = of("links", "Instances whose link to the origin is there or is lost, now, by state: lost is 0 unless the origin cannot be reached.", "state")
	m.lost = of("links_lost_total", "Links to the origin that have ended while clients used them, since the start.")
	m.interrupted = of("publish_interrupted_total", "How often publications at this edge have lost their way to the origin, since the start.")
	m.dropped = of("publish_dropped_messages_total", "Messages of sound and pictures that publishers here had sent meanwhile, and that are lost: counted when they are published again.")
	m.feeds = of("feeds", "Live streams that origins feed to this edge now: one each, whatever the number of viewers.")
	m.viewers = of("viewers", "Who watches at this edge now, by way: rtmp, which are players of live streams, and flv, ws-flv, hls and others by HTTP. A way that nobody comes by is absent.", "way")
	m.viewed = of("viewers_total", "Viewers by HTTP let in at this edge since the start.")
	m.sent = of("sent_bytes_total", "Bytes sent to clients by RTMP and to viewers by HTTP at this edge.")
	m.round = of("round_seconds", "The longest that it took within the last seconds to write what was new of a stream to all of its players.")
	m.taken = of("origin_received_bytes_total", "Bytes received from the origin, by purpose: control, feed (live streams), publish, read (recordings).", "purpose")
	m.given = of("origin_sent_bytes_total", "Bytes sent to the origin, by purpose.", "purpose")
	m.passed = of("webrtc_passed_packets_total", "Packets of WebRTC of other edges' sessions that this edge passed on, by to whom: edge, which has the session, or client.", "to")
	return m
}

// Describe implements prometheus.Collector.
func (m *edgeMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.all {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *edgeMetrics) Collect(ch chan<- prometheus.Metric) {
	is, ok := m.src.Edge()
	if !ok {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge(m.connections, float64(is.Connections))
	gauge(m.linked, float64(is.Linked), "linked")
	gauge(m.linked, float64(is.Links-is.Linked), "lost")
	counter(m.lost, is.Lost)
	counter(m.interrupted, is.Interrupted)
	counter(m.dropped, is.Dropped)
	gauge(m.feeds, float64(is.Feeds))
	for way, n := range is.Viewers {
		gauge(m.viewers, float64(n), way)
	}
	counter(m.viewed, is.ViewersTotal)
	counter(m.sent, is.Sent)
	gauge(m.round, is.RoundTime.Seconds())
	for purpose, n := range is.Taken {
		counter(m.taken, n, purpose)
	}
	for purpose, n := range is.Given {
		counter(m.given, n, purpose)
	}
	for to, n := range is.Passed {
		counter(m.passed, n, to)
	}
}
