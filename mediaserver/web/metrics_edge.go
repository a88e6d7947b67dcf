package web

import "github.com/prometheus/client_golang/prometheus"

// Edge is an edge as metrics show it.
type Edge struct {
	Feeds int // live streams
	// Viewers are those who watch now, by way: by RTMP players of live streams alone.
	Viewers map[string]int
	// ViewersTotal are those by HTTP since the start, and Sent the bytes that they were
	// sent.
	ViewersTotal, Sent uint64
	// Taken and Given are the bytes that came over links and went, by purpose.
	Taken, Given map[string]uint64
}

// edgeMetrics are those of an edge: there are none of another server.
type edgeMetrics struct {
	src                                     Source
	feeds, viewers, all, sent, taken, given *prometheus.Desc
}

func newEdgeMetrics(src Source) *edgeMetrics {
	of := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("flashpod_edge_"+name, help, labels, nil)
	}
	return &edgeMetrics{
		src:     src,
		feeds:   of("feeds", "Live streams that the origin feeds to this edge now: one each, whatever the number of viewers."),
		viewers: of("viewers", "Who watches at this edge now, by way: rtmp, which are players of live streams, and flv, ws-flv, hls and others by HTTP. A way that nobody comes by is absent.", "way"),
		all:     of("viewers_total", "Viewers by HTTP let in at this edge since the start."),
		sent:    of("viewers_sent_bytes_total", "Bytes sent to viewers by HTTP at this edge."),
		taken:   of("origin_received_bytes_total", "Bytes received from the origin, by purpose: control, feed (live streams), publish, read (recordings).", "purpose"),
		given:   of("origin_sent_bytes_total", "Bytes sent to the origin, by purpose.", "purpose"),
	}
}

// Describe implements prometheus.Collector.
func (m *edgeMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.feeds, m.viewers, m.all, m.sent, m.taken, m.given} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *edgeMetrics) Collect(ch chan<- prometheus.Metric) {
	is, ok := m.src.Edge()
	if !ok {
		return
	}
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	tell(m.feeds, prometheus.GaugeValue, float64(is.Feeds))
	for way, n := range is.Viewers {
		tell(m.viewers, prometheus.GaugeValue, float64(n), way)
	}
	tell(m.all, prometheus.CounterValue, float64(is.ViewersTotal))
	tell(m.sent, prometheus.CounterValue, float64(is.Sent))
	for d, of := range map[*prometheus.Desc]map[string]uint64{m.taken: is.Taken, m.given: is.Given} {
		for purpose, n := range of {
			tell(d, prometheus.CounterValue, float64(n), purpose)
		}
	}
}
