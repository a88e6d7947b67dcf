package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"flashpod.dev/flashpod/mediaserver/instance"
)

// perInstance are the metrics that each instance has, labelled application
// and instance.
var perInstance = []struct {
	name, help string
	kind       prometheus.ValueType
	value      func(instance.Stats) float64
}{
	{"connections", "Clients connected now, and viewers by HTTP.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.Connections) }},
	{"streams", "Live streams published now.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.Streams) }},
	{"waiting_names", "Names that players wait for and nobody publishes, now.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.Waiting) }},
	{"players", "Players of live streams now, by RTMP and by HTTP.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.Players) }},
	{"playbacks", "Players of recorded streams now, by RTMP and by HTTP.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.Playbacks) }},
	{"recordings", "Recordings being written now.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.Recordings) }},
	{"shared_objects", "Shared objects in use now.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.SharedObjects) }},
	{"shared_object_files", "Files of persistent shared objects now, once one was used.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.ObjectFiles) }},
	{"shared_object_file_bytes", "Bytes of them.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.ObjectBytes) }},
	{"shared_object_subscribers", "Uses of shared objects by clients, now.", prometheus.GaugeValue,
		func(s instance.Stats) float64 { return float64(s.ObjectUses) }},
	{"connections_total", "Clients accepted since the start, and viewers by HTTP.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.Connections) }},
	{"viewers_total", "Viewers by HTTP let in since the start.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.Viewers) }},
	{"publications_total", "Streams published since the start.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.Publications) }},
	{"recordings_total", "Recordings begun since the start.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.Recordings) }},
	{"shared_object_changes_total", "Messages that have changed a shared object since the start.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.ObjectChanges) }},
	{"shared_object_sends_lost_total", "Messages of so.send that a client was not told, since the start, once for each client.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.ObjectSendsLost) }},
	{"received_bytes_total", "Bytes received from clients.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.BytesIn) }},
	{"sent_bytes_total", "Bytes sent to clients.", prometheus.CounterValue,
		func(s instance.Stats) float64 { return float64(s.Total.BytesOut) }},
}

// collector asks the server at every scrape: nothing is counted twice.
type collector struct {
	src                 Source
	instances           []*prometheus.Desc
	viewers             *prometheus.Desc
	refused             *prometheus.Desc
	refusedPublications *prometheus.Desc
	leftOut             *prometheus.Desc
	budgets             [3]*prometheus.Desc // used, max, refused
	waiting             *prometheus.Desc
	direct              *prometheus.Desc
	notAfter            *prometheus.Desc
	usable              *prometheus.Desc
	build               prometheus.Metric
}

func newCollector(src Source, version string) *collector {
	c := &collector{
		src: src,
		viewers: prometheus.NewDesc("flashpod_viewers",
			"Who plays and watches now, live and recorded, by way: rtmp, and flv, ws-flv, hls and others by HTTP. A way that nobody comes by is absent.", []string{"application", "instance", "way"}, nil),
		refused: prometheus.NewDesc("flashpod_refused_connections_total",
			"Connections that never became clients, and viewers by HTTP for whom there was no place, by reason.", []string{"reason"}, nil),
		refusedPublications: prometheus.NewDesc("flashpod_refused_publications_total",
			"Publications that were refused, by reason.", []string{"application", "instance", "reason"}, nil),
		leftOut: prometheus.NewDesc("flashpod_log_lines_dropped_total",
			"Lines that are not in the log, by reason.", []string{"reason"}, nil),
		budgets: [3]*prometheus.Desc{
			prometheus.NewDesc("flashpod_budget_used", "How much of a budget is taken now: bytes, names or files.", []string{"budget"}, nil),
			prometheus.NewDesc("flashpod_budget_max", "How much there is of a budget.", []string{"budget"}, nil),
			prometheus.NewDesc("flashpod_budget_refused_total", "How often a client was refused something because a budget was used up.", []string{"budget"}, nil),
		},
		waiting: prometheus.NewDesc("flashpod_turns_waiting",
			"Connections of clients that have not shown that they may publish, and wait for a processor.", nil, nil),
		direct: prometheus.NewDesc("flashpod_direct_connections",
			"Connections of clients to this server itself now, by RTMP, HTTP and WebRTC: without those that edges carry.", nil, nil),
		notAfter: prometheus.NewDesc("flashpod_certificate_not_after_timestamp_seconds",
			"When the certificate that RTMPS clients are shown expires; absent when there is none.", nil, nil),
		usable: prometheus.NewDesc("flashpod_certificate_usable",
			"1 when RTMPS clients are shown a certificate that is valid now, 0 when there is none or it is out of date; absent without RTMPS.", nil, nil),
		build: prometheus.MustNewConstMetric(prometheus.NewDesc("flashpod_build_info",
			"Always 1; the label tells the version.", []string{"version"}, nil), prometheus.GaugeValue, 1, version),
	}
	for _, m := range perInstance {
		c.instances = append(c.instances, prometheus.NewDesc("flashpod_"+m.name, m.help, []string{"application", "instance"}, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.instances {
		ch <- d
	}
	for _, d := range append([]*prometheus.Desc{c.viewers, c.refused, c.refusedPublications, c.leftOut, c.waiting, c.direct, c.notAfter, c.usable}, c.budgets[:]...) {
		ch <- d
	}
	ch <- c.build.Desc()
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.src.Stats() {
		for i, m := range perInstance {
			ch <- prometheus.MustNewConstMetric(c.instances[i], m.kind, m.value(s), s.Application, s.Name)
		}
		for way, n := range s.Viewers {
			ch <- prometheus.MustNewConstMetric(c.viewers, prometheus.GaugeValue, float64(n), s.Application, s.Name, way)
		}
		for why, n := range s.Refused {
			ch <- prometheus.MustNewConstMetric(c.refusedPublications, prometheus.CounterValue, float64(n), s.Application, s.Name, string(why))
		}
	}
	if cert, ok := c.src.Certificate(); ok {
		if !cert.NotAfter.IsZero() {
			ch <- prometheus.MustNewConstMetric(c.notAfter, prometheus.GaugeValue, float64(cert.NotAfter.Unix()))
		}
		usable := 0.0
		if cert.Usable {
			usable = 1
		}
		ch <- prometheus.MustNewConstMetric(c.usable, prometheus.GaugeValue, usable)
	}
	for _, b := range c.src.Budgets() {
		ch <- prometheus.MustNewConstMetric(c.budgets[0], prometheus.GaugeValue, float64(b.Used()), b.Name())
		ch <- prometheus.MustNewConstMetric(c.budgets[1], prometheus.GaugeValue, float64(b.Max()), b.Name())
		ch <- prometheus.MustNewConstMetric(c.budgets[2], prometheus.CounterValue, float64(b.Refused()), b.Name())
	}
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(c.src.Waiting()))
	ch <- prometheus.MustNewConstMetric(c.direct, prometheus.GaugeValue, float64(c.src.Direct()))
	for reason, n := range c.src.Refused() {
		ch <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(n), reason)
	}
	for reason, n := range c.src.LeftOut() {
		ch <- prometheus.MustNewConstMetric(c.leftOut, prometheus.CounterValue, float64(n), reason)
	}
	ch <- c.build
}
