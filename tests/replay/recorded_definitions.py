"""What `tests.replay.record` runs: definitions that each have words which others do not."""

WAITS = """
id: recorded-waits
version: "1.0.0"
steps:
  - {id: pause, type: wait, config: {for: 1s}}
  - {id: told, type: wait, config: {event: test.told, correlate: "{{ run.key }}", within: 1h}}
  - {id: missed, type: wait, config: {event: test.never, within: 1s, on_timeout: continue}}
  - id: approve
    type: human-task
    config:
      assignee: compliance-team
      title: "See to it"
      deadline: 1h
      remind: [1s]
      escalate: [{after: 2s, to: compliance-leads}]
  - id: first
    type: wait-any
    config: {on: {came: {event: test.came}, late: {after: 1s}}}
monitoring: {alerts: [{condition: "execution_time > 2s", channel: slack}]}
"""
ITEMS = """
id: recorded-items
version: "1.0.0"
steps:
  - {id: first, type: set, config: {v: 1}}
  - id: each
    parallel:
      - id: reserve
        type: api
        config:
          service: order-service
          method: reserveStock
          params: {reference: "{{ run.key }}-{{ item }}", items: [{sku: "{{ text(steps.first.v) }}", quantity: 1}]}
        compensate:
          type: api
          config: {service: order-service, method: releaseStock, params: {reference: "{{ run.key }}-{{ item }}"}}
      - {id: pause, type: wait, needs: [reserve], config: {for: 1s}}
      - {id: odd, type: raise, when: "item == 1", needs: [pause], config: {title: "odd"}}
    for_each: {times: 3, concurrency: 2, on_item_error: collect}
  - {id: broken, type: raise, config: {title: "no"}}
"""
GROUPS = """
id: recorded-groups
version: "1.0.0"
cancel_on: {event: test.stop}
steps:
  - id: race
    join: any
    losers: cancel
    parallel:
      - {id: quick, type: wait, config: {for: 1s}}
      - {id: slow, type: wait, config: {for: 1h}}
  - id: polled
    type: http
    config:
      url: "%s/health"
      connection: local-stand-ins
      poll: {until: "{{ output.status }} == 200", every: 1s, for: 10s}
  - {id: said, type: notify, config: {target: ops-team, title: "So far", message: "{{ steps.polled.status }}"}}
  - id: cached
    type: api
    cache: {key: "%s", ttl: 5m}
    config: {service: order-service, method: listOrders, params: {day: "2026-01-01x3"}}
  - id: each
    type: api
    for_each: {in: "{{ steps.cached.orders }}", as: reference, concurrency: 2, on_item_error: collect}
    config: {service: order-service, method: getOrder, params: {reference: "{{ reference }}"}}
  - {id: child, type: workflow, config: {id: recorded-child}}
  - {id: kept, type: queue, config: {queue: recorded}}
"""
WITHDRAWN = """
id: recorded-withdrawn
version: "1.0.0"
steps:
  - join: any
    parallel:
      - {id: slow, type: notify, config: {target: ops-team, title: "Too late", message: "Never sent"}}
      - {id: first, type: set}
  - id: approve
    type: human-task
    config: {assignee: compliance-team, title: "See to it twice", deadline: 1h, remind: [1s, 2s]}
"""
CAUGHT = """
id: recorded-caught
version: "1.0.0"
steps:
  - id: lost
    type: http
    config: {url: "%s/nothing-here", connection: local-stand-ins}
    catch:
      - on: {status: 404, code: service.refused}
        as: error
        do:
          - {id: moment, type: wait, config: {for: 1s}}
          - {id: said, type: notify, config: {target: ops-team, title: "Not there", message: "{{ error.code }}"}}
          - id: stop
            type: raise
            config: {type: "urn:recorded", status: 404, title: "No order"}
            catch: [{on: {status: 4xx}, as: raised, do: [{id: kept, type: set, config: {why: "{{ raised.title }}"}}]}]
outputs: {why: "{{ steps.kept?.why ?? 'none' }}"}
"""
EMITTED = """
id: recorded-emitted
version: "1.0.0"
steps:
  - {id: until-lists-show-it, type: wait, config: {for: 3s}}
  - {id: each, type: emit, for_each: {times: 2}, config: {type: test.counted, data: {n: "{{ item }}"}}}
  - parallel:
      - {id: heard, type: wait, config: {event: test.emitted, correlate: "{{ run.key }}", within: 1h}}
      - {id: told, type: emit, config: {type: test.emitted, subject: "{{ run.key }}", data: {at: "{{ now() }}"}}}
outputs: {same: "{{ steps.heard.id == steps.told.event.id }}"}
"""
OPERATED = """
id: recorded-operated
version: "1.0.0"
documents:
  standins:
    openapi: standins.json
    connection: local-stand-ins
    frozen:
      digest: "0000"
      server: "%s"
      operations:
        health: {operationId: health, method: get, path: /health, responses: {}, components: {schemas: {}}}
steps:
  - id: look
    type: openapi
    config: {document: standins, operation: health}
    compensate: {type: openapi, config: {document: standins, operation: health}}
  - {id: unknown, type: openapi, on_error: continue, config: {document: standins, operation: nothing}}
  - {id: stop, type: raise, config: {type: "urn:recorded", title: "Undo it"}}
"""
ALERTED = """
id: recorded-alerted
version: "1.0.0"
steps: [{id: pause, type: wait, config: {for: 1500ms}}]
monitoring: {alerts: [{condition: "execution_time > 1s", channel: slack}]}
"""
ROUNDS = """
id: recorded-rounds
version: "1.0.0"
steps:
  - id: draft
    type: api
    config: {service: order-service, method: getOrder, params: {reference: "o-{{ run.steps.draft?.visits ?? 0 }}"}}
  - parallel:
      - {id: left, type: wait, config: {for: 1s}}
      - {id: right, type: set, config: {v: 2}}
    each_done:
      - {id: heard, type: notify, config: {target: ops-team, title: "Done", message: "{{ branch.id }}"}}
  - {id: again, type: set, when: "run.steps.draft.visits < 3", back_to: draft, max: 5}
  - id: fragile
    catch: [{as: failed, do: [{id: kept, type: set, config: {why: "{{ failed.code }}"}}]}]
    parallel:
      - {id: beside, type: wait, config: {for: 1h}}
      - id: lost
        type: http
        config: {url: "%s/nothing-here", connection: local-stand-ins}
        catch: [{on: {status: 404}, retry: {max_attempts: 2, initial: 1s}, do: [{id: stop, type: raise}]}]
"""
OFFERED = """
id: recorded-offered
version: "1.0.0"
steps:
  - parallel:
      - {id: packed, type: wait, config: {event: test.packed}}
      - id: notes
        type: human-task
        config:
          assignee: compliance-team
          repeatable: true
          enabled_while: "run.steps.packed?.status != 'completed'"
      - {id: gift, type: human-task, config: {assignee: compliance-team, optional: true, repeatable: true}}
  - parallel:
      - {id: sent, type: wait, config: {for: 1s}}
      - id: change
        type: human-task
        config: {assignee: compliance-team, optional: true, enabled_while: "run.steps.sent?.status != 'completed'"}
outputs: {notes: "{{ size(steps.notes.runs) }}", gifts: "{{ size(steps.gift.runs) }}"}
"""
MATCHED = r"""
id: recorded-matched
version: "1.0.0"
inputs: {name: {type: string, pattern: "^\\w+$"}}
steps: [{id: pause, type: wait, config: {for: 1s}}]
"""
CHILD = 'id: recorded-child\nversion: "1.0.0"\nsteps: [{id: only, type: set, config: {a: "{{ uuid() }}"}}]\n'
LOOP = """
id: recorded-loop
version: "1.0.0"
steps:
  - id: each
    type: api
    for_each: {times: 520, as: number, concurrency: 40}
    config: {service: order-service, method: getOrder, params: {reference: "o-{{ number }}"}}
outputs: {count: "{{ size(steps.each) }}"}
"""
LAUNCHED = """
id: recorded-launched
version: "1.0.0"
triggers:
  - type: schedule
    cron: "0 3 1 1 *"
    for_each: {in: "{{ ['a', 'b'] }}", as: letter}
    inputs: {letter: "{{ letter }}"}
inputs: {letter: {type: string}}
steps: [{id: only, type: set, config: {letter: "{{ inputs.letter }}"}}]
monitoring: {alerts: [{condition: "success_rate < 95%", channel: ops-team}]}
"""
