{{/*
The files folder holds the objects of config/ as they are; hack/chart copies them. What a release changes of them is here and in the
templates, and nothing is written down twice.
*/}}

{{/* flashpod.image: what a node pulls, of registry, repository, tag and digest. */}}
{{- define "flashpod.image" -}}
{{ .registry }}/{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{/* flashpod.file (list ROOT PATH): an object of files/ with this release's namespace and images. */}}
{{- define "flashpod.file" -}}
{{- $root := first . -}}
{{- $root.Files.Get (last .)
  | replace "flashpod-system" $root.Release.Namespace
  | replace "flashpod.dev/operator:dev" (include "flashpod.image" $root.Values.image)
  | replace "flashpod.dev/media:dev" (include "flashpod.image" $root.Values.mediaImage) }}
{{- end }}

{{/*
flashpod.clusterName (list ROOT NAME): the name of an object that has no namespace. A release for named namespaces puts its own behind, so
that several can be in one cluster.
*/}}
{{- define "flashpod.clusterName" -}}
{{- $root := first . -}}
{{ last . }}
{{- if $root.Values.namespaces }}-{{ $root.Release.Namespace }}{{ end }}
{{- end }}

{{/* flashpod.otherRelease (list ROOT OBJECT): "NAME in namespace NAMESPACE" of the release that an object belongs to, if not to this one. */}}
{{- define "flashpod.otherRelease" -}}
{{- $root := first . -}}
{{- $annotations := dig "metadata" "annotations" dict (last .) -}}
{{- $name := index $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := index $annotations "meta.helm.sh/release-namespace" -}}
{{- if and $name (ne (list $name $namespace | toJson) (list $root.Release.Name $root.Release.Namespace | toJson)) -}}
{{ $name }} in namespace {{ $namespace }}
{{- end }}
{{- end }}
