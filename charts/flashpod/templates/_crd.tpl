{{/* flashpod.crd.changes (list ROOT CRD LIVE): says yes if the cluster has none, or another one that is not of a newer chart. */}}
{{- define "flashpod.crd.changes" -}}
{{- $root := index . 0 -}}
{{- $crd := index . 1 -}}
{{- $live := index . 2 -}}
{{- if not $live }}yes
{{- else if ne (pick $live.spec "group" "names" "scope" "versions" | toJson) (toJson $crd.spec) }}
{{- $version := dig "metadata" "annotations" "media.flashpod.dev/crd-version" "0.0.0" $live }}
{{- if ge ((semver $root.Chart.Version).Compare (semver $version)) 0 }}yes{{ end }}
{{- end }}
{{- end }}

{{/*
flashpod.crd.mayChange (list ROOT LIVE): fails if a hook cannot change the CustomResourceDefinition. A hook is made, not updated: that works
by server-side apply alone, and never against another field manager, since Helm does not force hooks. An installation that kubectl made is
handed over whole, or the next upgrade would be in conflict about the rest.
*/}}
{{- define "flashpod.crd.mayChange" -}}
{{- $root := first . -}}
{{- $live := last . -}}
{{- $reason := "" -}}
{{- $only := " --show-only templates/crd.yaml" -}}
{{- $then := "run Helm again" -}}
{{- range $live.metadata.managedFields }}
{{- if dig "f:spec" "f:versions" false .fieldsV1 | kindIs "map" }}
{{- if or (ne .operation "Apply") (hasPrefix "kubectl" .manager) }}
{{- $reason = printf "%s wrote it and would be in conflict with Helm" .manager }}
{{- if and $root.Release.IsInstall (hasPrefix "kubectl" .manager) }}
{{- $only = "" }}
{{- $then = "run Helm again with --take-ownership (and see \"From kubectl to Helm\" in this chart's README.md)" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if hasPrefix "v3" $root.Capabilities.HelmVersion.Version }}
{{- $reason = "Helm 3 cannot change it without taking it back at a rollback" }}
{{- else if include "flashpod.isClientSide" $root }}
{{- $reason = "this release is not applied by the server (Helm 3 began it, or --server-side=false), and so cannot change it without taking it back at a rollback" }}
{{- end }}
{{- if $reason }}
{{- fail (printf "\n\nThe CustomResourceDefinition %s must become that of chart %s %s first: %s. Let kubectl do it, then %s. CHART is what you gave to Helm; give your values, too:\n\n  helm template %s CHART --namespace %s%s | kubectl apply --server-side --force-conflicts --field-manager helm --filename -\n"
  $live.metadata.name $root.Chart.Name $root.Chart.Version $reason $then $root.Release.Name $root.Release.Namespace $only) }}
{{- end }}
{{- end }}

{{/*
flashpod.isClientSide: says yes if the release that is upgraded has been applied by the client until now: Helm goes on with that, and its
annotation on our ServiceAccount then is no field that was applied.
*/}}
{{- define "flashpod.isClientSide" -}}
{{- if .Release.IsUpgrade }}
{{- $applied := false }}
{{- $account := lookup "v1" "ServiceAccount" .Release.Namespace "flashpod-operator" }}
{{- range dig "metadata" "managedFields" list $account }}
{{- if and (eq .operation "Apply") (dig "f:metadata" "f:annotations" "f:meta.helm.sh/release-name" false .fieldsV1 | kindIs "map") }}
{{- $applied = true }}
{{- end }}
{{- end }}
{{- if not $applied }}yes{{ end }}
{{- end }}
{{- end }}
