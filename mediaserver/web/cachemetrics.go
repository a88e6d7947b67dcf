package web

import "github.com/prometheus/client_golang/prometheus"

// EdgeCache is how the cache of recordings of an edge is: pieces and bytes since the start,
// but for OnDisk.
type EdgeCache struct {
	Hits, Misses    uint64
	Fetched, Served uint64 // bytes
	Evicted, Failed uint64
	Torn            uint64
	OnDisk, Max     int64 // bytes
	WithoutDisk     bool
}

// edgeSource is a Source that may be of an edge.
type edgeSource interface {
	// EdgeCache is false where there is none.
	EdgeCache() (EdgeCache, bool)
}

// cacheMetrics are those of an edge's cache of recordings.
var cacheMetrics = []struct {
	name, help string
	kind       prometheus.ValueType
	value      func(EdgeCache) float64
}{
	{"hits_total", "Pieces of recordings that were in the cache when a player came to them.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Hits) }},
	{"misses_total", "Pieces that a player had to wait for.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Misses) }},
	{"origin_bytes_total", "Bytes of recordings that came from the origin.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Fetched) }},
	{"served_bytes_total", "Bytes of recordings that players have read.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Served) }},
	{"evicted_total", "Pieces that made room for others.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Evicted) }},
	{"failed_total", "Pieces that the disk did not take.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Failed) }},
	{"torn_total", "Pieces on the disk that were not whole, and were fetched again.", prometheus.CounterValue,
		func(s EdgeCache) float64 { return float64(s.Torn) }},
	{"bytes", "Bytes of the cache on the disk now.", prometheus.GaugeValue,
		func(s EdgeCache) float64 { return float64(s.OnDisk) }},
	{"max_bytes", "Bytes that it may have there; 0: it is in memory alone.", prometheus.GaugeValue,
		func(s EdgeCache) float64 { return float64(s.Max) }},
	{"usable", "0 while the disk takes nothing, else 1.", prometheus.GaugeValue,
		func(s EdgeCache) float64 {
			if s.WithoutDisk {
				return 0
			}
			return 1
		}},
}

// cacheCollector asks an edge at every scrape.
type cacheCollector struct {
	src  edgeSource
	desc []*prometheus.Desc
}

func newCacheCollector(src edgeSource) *cacheCollector {
	c := &cacheCollector{src: src}
	for _, m := range cacheMetrics {
		c.desc = append(c.desc, prometheus.NewDesc("flashpod_edge_cache_"+m.name, m.help, nil, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *cacheCollector) Collect(ch chan<- prometheus.Metric) {
	s, ok := c.src.EdgeCache()
	if !ok {
		return
	}
	for i, m := range cacheMetrics {
		ch <- prometheus.MustNewConstMetric(c.desc[i], m.kind, m.value(s))
	}
}
