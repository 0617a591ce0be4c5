#!/usr/bin/env bash
# Deploys podinfo to Cloud Functions (2nd generation). Run it with --help to see how.
set -euo pipefail

readonly SEPARATOR='@@' # between variables, so that values may hold commas; see gcloud topic escaping

usage() {
  cat <<'USAGE'
Usage: PROJECT=... REGION=... deploy.sh [--dry-run] [--public] [--secret NAME=SECRET[:VERSION]]... [NAME=VALUE]...

Deploys podinfo to Cloud Functions (2nd generation). Only those with the role Cloud Run Invoker can call it.

  NAME=VALUE                      a setting of podinfo, PODINFO_..., or of OpenTelemetry, OTEL_...
  --secret NAME=SECRET[:VERSION]  a setting that is a secret of Secret Manager, of the latest version unless named
  --public                        let everybody call it
  --dry-run                       print the command instead of running it
  --help                          print this

Variables, with their defaults:

  PROJECT            required: id of the project
  REGION             required: where to deploy, such as europe-west1
  FUNCTION           podinfo: name of the function
  SERVICE_ACCOUNT    FUNCTION@PROJECT.iam.gserviceaccount.com: who the function is; all it needs is to
                     read its secrets
  RUNTIME            go126: runtime that builds and runs it
  MEMORY             256Mi: of each instance
  CPU                1: of each instance; below 1 the concurrency has to be 1
  CONCURRENCY        80: requests that an instance serves at once
  MIN_INSTANCES      0: instances that are kept although nobody calls
  MAX_INSTANCES      10: instances that there are at most, which bounds the cost
  TIMEOUT            60: seconds that a request may take
USAGE
}

fail() {
  echo "deploy.sh: $1" >&2
  exit 2
}

# require NAME PATTERN WHAT ends the script unless the variable NAME matches the whole pattern.
require() {
  local name=$1 pattern=$2 what=$3
  local value=${!name}
  [[ -n $value ]] || fail "$name is not set: give $what"
  [[ $value =~ ^($pattern)$ ]] || fail "$name is \"$value\": give $what"
}

check_settings() {
  local whole='0|[1-9][0-9]{0,3}'
  require PROJECT '[a-z][a-z0-9-]{4,28}[a-z0-9]' 'the id of a project, such as my-project'
  require REGION '[a-z]+-[a-z]+[0-9]+' 'a region of Cloud Functions, such as europe-west1'
  require FUNCTION '[a-z]([a-z0-9-]{0,61}[a-z0-9])?' 'lower-case letters, digits and hyphens, 63 at most'
  require SERVICE_ACCOUNT '[a-z0-9-]+@[a-z0-9.-]+' 'the email address of a service account'
  require RUNTIME 'go[0-9]+' 'a Go runtime, such as go126'
  require MEMORY '[1-9][0-9]*(Mi|Gi|M|G)' 'an amount of memory, such as 256Mi'
  require CPU '[0-9]+(\.[0-9]+)?' 'a number of processors, such as 1 or 0.5'
  require CONCURRENCY '[1-9][0-9]{0,2}|1000' 'a number from 1 to 1000'
  require MIN_INSTANCES "$whole" 'a number from 0'
  require MAX_INSTANCES '[1-9][0-9]{0,3}' 'a number from 1'
  require TIMEOUT '[1-9][0-9]{0,3}' 'a number of seconds, such as 60'
  ((MIN_INSTANCES <= MAX_INSTANCES)) || fail "MIN_INSTANCES is $MIN_INSTANCES, and MAX_INSTANCES only $MAX_INSTANCES"
  ((TIMEOUT <= 3600)) || fail "TIMEOUT is $TIMEOUT: give 3600 seconds at most"
  [[ $CPU != 0.* || $CONCURRENCY == 1 ]] || fail "CPU is $CPU: below 1, CONCURRENCY has to be 1"
}

# check_name TEXT ends the script unless TEXT is NAME=... with the name of a variable that podinfo reads.
check_name() {
  [[ $1 =~ ^(PODINFO|OTEL)_[A-Z0-9_]+= ]] ||
    fail "\"${1%%=*}\" is neither an option nor a setting; give PODINFO_NAME=VALUE or OTEL_NAME=VALUE, or see --help"
}

add_variable() {
  check_name "$1"
  case $1 in
    *_SECRET=* | *_HEADERS=* | *=*://*:*@*) fail "${1%%=*} is a secret: store it in Secret Manager and give --secret" ;;
  esac
  [[ $1 != *"$SEPARATOR"* ]] || fail "the value of ${1%%=*} holds $SEPARATOR, which separates variables"
  variables+="$SEPARATOR$1"
}

add_secret() {
  check_name "$1"
  [[ ${1#*=} =~ ^[A-Za-z0-9_-]+(:(latest|[1-9][0-9]*))?$ ]] ||
    fail "--secret ${1%%=*} needs the name of a secret, and its version if you like: NAME=SECRET:VERSION"
  local secret=$1
  [[ $secret == *:* ]] || secret+=:latest
  secrets+="${secrets:+,}$secret"
}

parse() {
  while (($# > 0)); do
    case $1 in
      --help) usage && exit 0 ;;
      --dry-run) dry_run=true ;;
      --public) access=--allow-unauthenticated ;;
      --secret)
        (($# > 1)) || fail '--secret needs NAME=SECRET'
        add_secret "$2"
        shift
        ;;
      *) add_variable "$1" ;;
    esac
    shift
  done
}

main() {
  PROJECT=${PROJECT-} REGION=${REGION-} FUNCTION=${FUNCTION-podinfo} RUNTIME=${RUNTIME-go126} MEMORY=${MEMORY-256Mi}
  CPU=${CPU-1} CONCURRENCY=${CONCURRENCY-80} MIN_INSTANCES=${MIN_INSTANCES-0} MAX_INSTANCES=${MAX_INSTANCES-10}
  TIMEOUT=${TIMEOUT-60}
  SERVICE_ACCOUNT=${SERVICE_ACCOUNT-$FUNCTION@$PROJECT.iam.gserviceaccount.com}
  local dry_run=false access=--no-allow-unauthenticated secrets=
  # Lines of the log belong to the request's trace once they name the project.
  local variables="^$SEPARATOR^GOOGLE_CLOUD_PROJECT=$PROJECT"
  parse "$@"
  check_settings

  local source
  source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  # --set-* replaces what the deployment before this one had: the command says all there is.
  local command=(
    gcloud functions deploy "$FUNCTION" --gen2
    --project="$PROJECT" --region="$REGION"
    --runtime="$RUNTIME" --source="$source" --entry-point=Podinfo
    --trigger-http "$access"
    --service-account="$SERVICE_ACCOUNT"
    --memory="$MEMORY" --cpu="$CPU" --concurrency="$CONCURRENCY"
    --min-instances="$MIN_INSTANCES" --max-instances="$MAX_INSTANCES" --timeout="${TIMEOUT}s"
    --set-env-vars="$variables"
  )
  if [[ -n $secrets ]]; then
    command+=(--set-secrets="$secrets")
  else
    command+=(--clear-secrets)
  fi
  if [[ $dry_run == true ]]; then
    printf '%q' "${command[0]}"
    printf ' %q' "${command[@]:1}"
    echo
    return
  fi
  command -v gcloud >/dev/null || fail 'gcloud is not installed: see https://cloud.google.com/sdk/docs/install'
  exec "${command[@]}"
}

main "$@"
