{{- define "core.name" -}}
{{- default (printf "%s-core" .Release.Name) .Values.kmsCore.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "core.clientName" -}}
{{- default (printf "%s-client" .Release.Name) .Values.kmsCoreClient.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "core.firstId" -}}
{{- default 1 .Values.kmsPeers.id -}}
{{- end -}}

{{- define "core.labels" -}}
app: kms-core
app.kubernetes.io/name: {{ include "core.name" . }}
{{- end -}}

{{- define "core.image" -}}
image: {{ printf "%s:%s" .Values.kmsCore.image.name .Values.kmsCore.image.tag | quote }}
imagePullPolicy: {{ .Values.kmsCore.image.pullPolicy }}
{{- end -}}

{{/* Where a pod may go: of a section of the values that has nodeSelector, affinity and tolerations. */}}
{{- define "core.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Environment of the containers that read the party's ConfigMap, key by key: a missing key keeps the pod from starting. */}}
{{- define "core.env" -}}
{{- $map := .Values.kmsCore.envFrom.configmap -}}
{{- $names := list "privateVaultStorageBucket" "publicVaultStorageBucket" -}}
{{- if .Values.kmsCore.privateVault.awskms.enabled -}}
{{- $names = concat $names (list "privateVaultKeychainAWSKMSRootKeySpec" "privateVaultKeychainAWSKMSRootKeyID") -}}
{{- end -}}
{{- if .Values.kmsCore.backupVault.s3.enabled -}}
{{- $names = concat $names (list "backupVaultStorageBucket" "backupVaultStoragePrefix") -}}
{{- end -}}
- name: KMS_CORE__THRESHOLD__MY_ID
  {{- if .Values.kmsPeers.id }}
  value: {{ .Values.kmsPeers.id | quote }}
  {{- else }}
  valueFrom: { configMapKeyRef: { name: {{ $map.name }}, key: {{ $map.key.thresholdId }} } }
  {{- end }}
- name: CORE_CLIENT__S3_ENDPOINT
  valueFrom: { configMapKeyRef: { name: {{ $map.name }}, key: {{ $map.key.coreClientS3Endpoint }} } }
{{- range $names }}
- name: {{ index $map.key . }}
  valueFrom: { configMapKeyRef: { name: {{ $map.name }}, key: {{ index $map.key . }} } }
{{- end }}
- name: KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX
  value: {{ .Values.kmsCore.publicVault.s3.prefix | quote }}
- name: KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX
  value: {{ .Values.kmsCore.privateVault.s3.prefix | quote }}
- name: RUN_MODE
  value: {{ .Values.runMode | quote }}
- name: RUST_LOG
  value: {{ .Values.rustLog | quote }}
- name: NO_COLOR
  value: "true"
{{- with .Values.kmsCore.metricsLabels }}
- name: KMS_METRICS_LABELS
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Enclave sizes decide where the scheduler puts the pod. The job asks for no enclave CPUs: so does the real one. */}}
{{- define "core.enclaveResources" -}}
requests:
  memory: 2Gi
  aws.ec2.nitro/nitro_enclaves: "1"
  {{- if .withCpus }}
  aws.ec2.nitro/nitro_enclaves_cpus: {{ .values.nitroEnclave.cpuCount | quote }}
  {{- end }}
  hugepages-1Gi: {{ .values.nitroEnclave.memoryGiB }}Gi
limits:
  memory: 4Gi
  ephemeral-storage: {{ .values.resources.limits.ephemeralStorage }}
  aws.ec2.nitro/nitro_enclaves: "1"
  {{- if .withCpus }}
  aws.ec2.nitro/nitro_enclaves_cpus: {{ .values.nitroEnclave.cpuCount | quote }}
  {{- end }}
  hugepages-1Gi: {{ .values.nitroEnclave.memoryGiB }}Gi
{{- end -}}
