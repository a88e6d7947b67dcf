package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// EdgeStats are figures of an edge, whose instances are its origin's. The operator of a
// cluster counts edges by them.
type EdgeStats struct {
	Connections int64         // of clients, now
	Links       int           // instances that it is linked to, now
	Players     int           // of live streams, now
	Received    uint64        // bytes from the origin, since the start
	Sent        uint64        // bytes to clients by RTMP and viewers by HTTP, since the start
	RoundTime   time.Duration // the longest round of late, see stream.Fanout.RoundTime
}

// edgeCollector asks an edge at every scrape.
type edgeCollector struct {
	ask func() EdgeStats
	all []edgeFigure
}

type edgeFigure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(EdgeStats) float64
}

func newEdgeCollector(ask func() EdgeStats) *edgeCollector {
	c := &edgeCollector{ask: ask}
	add := func(name, help string, kind prometheus.ValueType, of func(EdgeStats) float64) {
		c.all = append(c.all, edgeFigure{prometheus.NewDesc("flashpod_edge_"+name, help, nil, nil), kind, of})
	}
	add("connections", "Connections of clients to this edge now.", prometheus.GaugeValue, func(s EdgeStats) float64 { return float64(s.Connections) })
	add("links", "Instances of its origin that this edge is linked to now.", prometheus.GaugeValue, func(s EdgeStats) float64 { return float64(s.Links) })
	add("players", "Who plays live streams at this edge now.", prometheus.GaugeValue, func(s EdgeStats) float64 { return float64(s.Players) })
	add("received_bytes_total", "Bytes that this edge has taken from its origin.", prometheus.CounterValue, func(s EdgeStats) float64 { return float64(s.Received) })
	add("sent_bytes_total", "Bytes that this edge has sent to clients by RTMP and to viewers by HTTP.", prometheus.CounterValue, func(s EdgeStats) float64 { return float64(s.Sent) })
	add("round_seconds", "The longest that it took within the last seconds to write what was new of a stream to all of its players.", prometheus.GaugeValue, func(s EdgeStats) float64 { return s.RoundTime.Seconds() })
	return c
}

// Describe implements prometheus.Collector.
func (c *edgeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range c.all {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *edgeCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.ask()
	for _, f := range c.all {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.of(s))
	}
}
