package web

import "github.com/prometheus/client_golang/prometheus"

// originMetrics say how the links of an edge are: there are none of another server.
type originMetrics struct {
	src          Source
	linked, lost *prometheus.Desc
}

func newOriginMetrics(src Source) *originMetrics {
	return &originMetrics{
		src: src,
		linked: prometheus.NewDesc("flashpod_edge_linked",
			"Instances whose link to the origin is there or is lost, now, by state: lost is 0 unless the origin cannot be reached.", []string{"state"}, nil),
		lost: prometheus.NewDesc("flashpod_edge_links_lost_total",
			"Links to the origin that have ended while clients used them, since the start.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *originMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.linked
	ch <- m.lost
}

// Collect implements prometheus.Collector.
func (m *originMetrics) Collect(ch chan<- prometheus.Metric) {
	o, ok := m.src.Origin()
	if !ok {
		return
	}
	ch <- prometheus.MustNewConstMetric(m.linked, prometheus.GaugeValue, float64(o.Linked), "linked")
	ch <- prometheus.MustNewConstMetric(m.linked, prometheus.GaugeValue, float64(o.Links-o.Linked), "lost")
	ch <- prometheus.MustNewConstMetric(m.lost, prometheus.CounterValue, float64(o.Lost))
}
