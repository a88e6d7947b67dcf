package manifest

import (
	"fmt"
	"strings"
)

// webCases are about spec.web.
func webCases() []verdict {
	of := func(spec string) string { return "metadata: {name: a}\nspec: {application: a, " + spec + "}" }
	const origin = "must be the origin of a page, such as https://example.org"
	all := []verdict{
		{"the web", of("web: {}"), "", ""},
		{"the web at another port", of("web: {port: 8080}, tls: {secretName: s}"), "", ""},
		{"a certificate of the controller's own", of("web: {hostname: a.example.com, tls: {}}"), "", ""},
		{"no host name", of("web: {hostname: '', ingressClassName: ''}"), "", ""},
		{"all pages", of("web: {allowedOrigins: ['*', 'https://xn--bcher-kva.example', 'http://[2001:db8::7]:3000', https://192.0.2.7]}"), "", ""},
		{"a host name with capitals", of("web: {hostname: Live.example.com}"), `spec.web.hostname: Invalid value: "Live.example.com": must be a host name`, `spec.web.hostname: Invalid value: "Live.example.com": must be a host name`},
		{"a host name with a port", of("web: {hostname: 'live.example.com:80'}"), "spec.web.hostname: Invalid value", "spec.web.hostname: Invalid value"},
		{"a host name that is an address", of("web: {hostname: 192.0.2.7}"), "must be a host name, such as live.example.com", "must be a host name, such as live.example.com"},
		{"a host name of many", of("web: {hostname: '*.example.com'}"), "must be a host name, such as live.example.com", "must be a host name, such as live.example.com"},
		{"a class of Ingresses without a host name", of("web: {ingressClassName: nginx}"), "spec.web.ingressClassName: Forbidden: ingressClassName needs hostname", "spec.web.ingressClassName: Invalid value: ingressClassName needs hostname"},
		{"a class of Ingresses that is no name", of("web: {hostname: a.example.com, ingressClassName: My_Class}"), `spec.web.ingressClassName: Invalid value: "My_Class": must be the name of a class of Ingresses`, `spec.web.ingressClassName: Invalid value: "My_Class": must be the name of a class of Ingresses`},
		{"TLS without a host name", of("web: {tls: {secretName: s}}"), "spec.web.tls: Forbidden: tls needs hostname", "tls needs hostname, without which there is no Ingress"},
		{"TLS of the web with a bad name", of("web: {hostname: a.example.com, tls: {secretName: S_}}"), `spec.web.tls.secretName: Invalid value: "S_": must be the name of a Secret`, `spec.web.tls.secretName: Invalid value: "S_": must be the name of a Secret`},
		{"the web at RTMP's port", of("web: {port: 1935}"), "spec.web.port: Invalid value: 1935: must be another than spec.service.port and spec.tls.port", "must be another than spec.service.port and spec.tls.port"},
		{"the web at the port of RTMPS", of("web: {port: 443}, tls: {secretName: s}"), "spec.web.port: Invalid value: 443: must be another than spec.service.port and spec.tls.port", "must be another than spec.service.port and spec.tls.port"},
		{"the web at no port", of("web: {port: 65536}"), "spec.web.port: Invalid value", "spec.web.port: Invalid value"},
		{"an origin twice", of("web: {allowedOrigins: [https://example.org, https://example.org]}"), "spec.web.allowedOrigins[1]: Duplicate value", "spec.web.allowedOrigins[1]: Duplicate value"},
		{"a long origin", of("web: {allowedOrigins: ['https://" + strings.Repeat("x", 293) + "']}"), "spec.web.allowedOrigins[0]: Too long", "spec.web.allowedOrigins[0]: Too long"},
		{"many origins", of("web: {allowedOrigins: [" + strings.Join(manyOrigins(65), ", ") + "]}"), "spec.web.allowedOrigins: Too many", "spec.web.allowedOrigins: Too many"},
		{"a Gateway", of("web: {hostname: a.example.com, gatewayRef: {name: public, namespace: gateways, sectionName: https}, tls: {}}"), "", ""},
		{"a Gateway without a host name", of("web: {gatewayRef: {name: public}}"), "spec.web.gatewayRef: Forbidden: gatewayRef needs hostname", "gatewayRef needs hostname, without which there is no HTTPRoute"},
		{"a Gateway and a class of Ingresses", of("web: {hostname: a.example.com, ingressClassName: nginx, gatewayRef: {name: public}}"), "spec.web.gatewayRef: Forbidden: gatewayRef makes an HTTPRoute", "gatewayRef makes an HTTPRoute, and ingressClassName is about an Ingress"},
		{"a Gateway and a certificate", of("web: {hostname: a.example.com, gatewayRef: {name: public}, tls: {secretName: s}}"), "spec.web.tls.secretName: Forbidden: with gatewayRef the certificate", "with gatewayRef the certificate is that of the Gateway's listener"},
		{"a Gateway without a name", of("web: {hostname: a.example.com, gatewayRef: {namespace: gateways}}"), "spec.web.gatewayRef.name: Required value", "spec.web.gatewayRef.name: Required value"},
		{"a Gateway with a bad name", of("web: {hostname: a.example.com, gatewayRef: {name: My_Gateway}}"), "must be the name of a Gateway", "must be the name of a Gateway"},
		{"a Gateway of no namespace", of("web: {hostname: a.example.com, gatewayRef: {name: g, namespace: a.b}}"), `spec.web.gatewayRef.namespace: Invalid value: "a.b": must be the name of a namespace`, `spec.web.gatewayRef.namespace: Invalid value: "a.b": must be the name of a namespace`},
		{"a Gateway's bad listener", of("web: {hostname: a.example.com, gatewayRef: {name: g, sectionName: H_}}"), "must be the name of a listener", "must be the name of a listener"},
		{"HTTPS alone", of("web: {plainHTTP: Internal}, tls: {secretName: s}"), "", ""},
		{"HTTPS alone, at the port of plain HTTP inside", of("web: {plainHTTP: Internal, port: 443}, tls: {secretName: s}"), "", ""},
		{"a host name alone", of("web: {plainHTTP: Internal, hostname: a.example.com}"), "", ""},
		{"no way in", of("web: {plainHTTP: Internal}"), "spec.web.plainHTTP: Forbidden: Internal leaves clients outside of the cluster no way in", "Internal leaves clients outside of the cluster no way in"},
		{"plain HTTP elsewhere", of("web: {plainHTTP: Nowhere}"), `spec.web.plainHTTP: Unsupported value: "Nowhere"`, `spec.web.plainHTTP: Unsupported value: "Nowhere"`},
		{"no console", of("console: {mode: None}"), "", ""},
		{"a console of another kind", of("console: {mode: Public}"), `spec.console.mode: Unsupported value: "Public"`, `spec.console.mode: Unsupported value: "Public"`},
		{"HLS", of("web: {hls: {}}"), "", ""},
		{"HLS in all its words", of("web: {hls: {mode: LowLatency, segmentDuration: 1s, partDuration: 500ms, window: 1h, start: Always}}"), "", ""},
		{"HLS of long segments", of("web: {hls: {segmentDuration: 10s, partDuration: 1s, window: 30s}}"), "", ""},
		{"HLS without parts", of("web: {hls: {mode: Standard, window: 1m30s}}"), "", ""},
		{"no HLS", of("web: {hls: {mode: None}}"), "", ""},
		{"HLS that is false", of("web: {hls: false}"), "spec.web.hls: is true or false, and should be an object: {mode: None} closes HLS", "spec.web.hls"},
		{"HLS of another mode", of("web: {hls: {mode: Fast}}"), `spec.web.hls.mode: Unsupported value: "Fast"`, `spec.web.hls.mode: Unsupported value: "Fast"`},
		{"HLS that starts at noon", of("web: {hls: {start: Noon}}"), `spec.web.hls.start: Unsupported value: "Noon"`, `spec.web.hls.start: Unsupported value: "Noon"`},
		{"HLS of short segments", of("web: {hls: {segmentDuration: 500ms}}"), `spec.web.hls.segmentDuration: Invalid value: "500ms": must be a time of 1s to 10s`, `spec.web.hls.segmentDuration: Invalid value: "500ms": must be a time of 1s to 10s`},
		{"HLS of too long segments", of("web: {hls: {segmentDuration: 11s}}"), "must be a time of 1s to 10s", "must be a time of 1s to 10s"},
		{"HLS of segments of a number", of("web: {hls: {segmentDuration: 2}}"), "spec.web.hls.segmentDuration: 2: must be a time of 1s to 10s", "spec.web.hls.segmentDuration"},
		{"HLS of segments of no unit", of("web: {hls: {segmentDuration: '2', window: 1m}}"), `spec.web.hls.segmentDuration: "2": must be a time of 1s to 10s`, `spec.web.hls.segmentDuration: Invalid value: "2": must be a time of 1s to 10s`},
		{"HLS of short parts", of("web: {hls: {partDuration: 100ms}}"), "must be a time of 200ms to 1s", "must be a time of 200ms to 1s"},
		{"HLS of parts that no segment has room for", of("web: {hls: {segmentDuration: 1s, partDuration: 600ms}}"), "spec.web.hls.partDuration: Invalid value: \"600ms\": must be at most half of segmentDuration", "must be at most half of segmentDuration"},
		{"HLS of parts in mode Standard", of("web: {hls: {mode: Standard, partDuration: 500ms}}"), "spec.web.hls.partDuration: Forbidden: partDuration needs mode LowLatency", "spec.web.hls.partDuration: Invalid value: partDuration needs mode LowLatency"},
		{"HLS of a day", of("web: {hls: {window: 24h}}"), "spec.web.hls.window: Invalid value: \"24h0m0s\": must be a time of 3s to 1h", "spec.web.hls.window: Invalid value: \"24h\": must be a time of 3s to 1h"},
		{"HLS of a day, in days", of("web: {hls: {window: 1d}}"), `spec.web.hls.window: "1d": must be a time of 3s to 1h`, `must be a time of 3s to 1h, such as 30s or 10m; for more, record the stream`},
		{"HLS of two segments", of("web: {hls: {window: 5s}}"), "spec.web.hls.window: Invalid value: \"5s\": must be at least three times segmentDuration", "must be at least three times segmentDuration"},
		{"HLS of two long segments", of("web: {hls: {segmentDuration: 10s, window: 29s}}"), "must be at least three times segmentDuration", "must be at least three times segmentDuration"},
		{"WebRTC", of("web: {webrtc: {}}"), "", ""},
		{"WebRTC of nodes", of("web: {webrtc: {serviceType: NodePort, port: 3478, addresses: [192.0.2.7, '2001:db8::7', media.example.com], annotations: {a/b: c}}}"), "", ""},
		{"WebRTC at no port", of("web: {webrtc: {port: 70000}}"), "spec.web.webrtc.port: Invalid value", "spec.web.webrtc.port: Invalid value"},
		{"WebRTC of another type", of("web: {webrtc: {serviceType: ClusterIP}}"), `spec.web.webrtc.serviceType: Unsupported value: "ClusterIP"`, `spec.web.webrtc.serviceType: Unsupported value: "ClusterIP"`},
		{"WebRTC at an address with a port", of("web: {webrtc: {addresses: ['192.0.2.7:443']}}"), "spec.web.webrtc.addresses[0]: Invalid value", "must be an address such as 192.0.2.7"},
		{"WebRTC at half an address", of("web: {webrtc: {addresses: [192.0.2]}}"), "spec.web.webrtc.addresses[0]: Invalid value", "must be an address such as 192.0.2.7"},
		{"WebRTC at an address twice", of("web: {webrtc: {addresses: [192.0.2.7, 192.0.2.7]}}"), "spec.web.webrtc.addresses[1]: Duplicate value", "spec.web.webrtc.addresses[1]: Duplicate value"},
		{"WebRTC at many addresses", of("web: {webrtc: {addresses: [a.b, b.b, c.b, d.b, e.b, f.b, g.b, h.b, i.b]}}"), "spec.web.webrtc.addresses: Too many", "spec.web.webrtc.addresses: Too many"},
		{"WebRTC with the operator's annotation", of("web: {webrtc: {annotations: {media.flashpod.dev/x: a}}}"), "keys of media.flashpod.dev are the operator's own", "keys of media.flashpod.dev are the operator's own"},
		{"WebRTC with an annotation with a space", of("web: {webrtc: {annotations: {my key: x}}}"), `spec.web.webrtc.annotations: Invalid value: "my key": keys must be annotation keys`, "spec.web.webrtc.annotations: Invalid value: keys must be annotation keys"},
		{"WebRTC with large annotations", of("web: {webrtc: {annotations: {a: " + strings.Repeat("x", 200<<10) + ", b: " + strings.Repeat("x", 60<<10) + "}}}"), "spec.web.webrtc.annotations: Invalid value: 266242: must not have more than 256 KiB", "spec.web.webrtc.annotations: Invalid value: must not have more than 256 KiB"},
		{"the web of another shape", of("web: true"), "spec.web: is true or false, and should be an object: {} opens the port", "spec.web"},
	}
	for _, bad := range []string{"example.org", "https://example.org/", "ftp://example.org", "https://", "https://me@example.org", "https://*.example.org", "https://example.org:", "null", ""} {
		all = append(all, verdict{"origin " + bad, of(fmt.Sprintf("web: {allowedOrigins: [%q]}", bad)), origin, origin})
	}
	return all
}

func manyOrigins(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("https://%d.example.org", i))
	}
	return all
}
