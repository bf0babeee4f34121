// A small central system: receives what gates tell, verifies it, stores it, then acknowledges it.
// The contract is docs/reference/sync.md; README.md says how to run this.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import fs from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import Ajv from 'ajv/dist/2020.js'
import { decode, encode, Tagged } from 'cborg'
import mqtt from 'mqtt'

export class Refused extends Error {} // its message is a code: counted, never acknowledged
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts.map(part => Buffer.from(part)))).digest()
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }) // a BOM would be a second spelling
const reference = name => JSON.parse(fs.readFileSync(new URL(`../../reference/${name}`, import.meta.url)))
const check = (holds, code = 'malformed') => { if (!holds) throw new Refused(code) }
const formed = read => { try { return read() } catch { throw new Refused('malformed') } }

export function canonical(value) { // RFC 8785, of what gates write: no fractions, no keys beyond ASCII
  if (value === null || typeof value === 'boolean' || Number.isSafeInteger(value)) return JSON.stringify(value)
  if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(one => canonical(one))}]`
  check(typeof value === 'object' && Object.keys(value).every(key => /^[\x00-\x7f]*$/.test(key)))
  return `{${Object.keys(value).sort().map(key => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`
}

// The envelope: COSE_Sign1 (RFC 9052), in one form only
const toBeSigned = (header, payload) => encode(['Signature1', header, new Uint8Array(), payload])
const jwk = hex => ({ kty: 'OKP', crv: 'Ed25519', x: Buffer.from(hex, 'hex').toString('base64url') })

function apart(token) {
  const { tag, value: [header, , payload, signature] } = decode(token, { tags: Tagged.preserve(18), useMaps: true })
  const fields = decode(header, { useMaps: true })
  check([header, payload, signature].every(part => part instanceof Uint8Array))
  // Written again it must be the same bytes: so nothing is unprotected, spelled otherwise, or one too many.
  check(Buffer.from(encode(new Tagged(tag, [header, new Map(), payload, signature]))).equals(token))
  check(Buffer.from(encode(fields)).equals(header) && [...fields.keys()].join() === '1,3,4' && signature.length === 64)
  const [alg, type, kid] = [fields.get(1), fields.get(3), Buffer.from(fields.get(4)).toString('hex')]
  return { header, payload, signature, alg, type, kid }
}

export function open(token, kind, keys, sector, now) {
  check(keys.length > 0, 'unknown_gate')
  check(token.length <= 65536, 'oversize')
  const { header, payload, signature, alg, type, kid } = formed(() => apart(token))
  check(type === `gated/${kind}`)
  const key = keys.find(one => one.kid === kid)
  check(key?.alg === 'EdDSA' && alg === -8, 'unknown_key')
  check(key.kinds.includes(kind) && key.sectors.includes(sector), 'out_of_scope')
  check(now < key.expires, 'key_not_valid')
  check(verify(null, toBeSigned(header, payload), { format: 'jwk', key: jwk(key.public) }, signature), 'bad_signature')
  return { kid, signature: Buffer.from(signature).toString('hex'), payload, text: formed(() => utf8.decode(payload)) }
}

export function seal(key, text) {
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x, 'base64url')
  const header = encode(new Map([[1, -8], [3, 'gated/ack'], [4, sha256(raw).subarray(0, 4)]]))
  const payload = Buffer.from(text)
  return Buffer.from(encode(new Tagged(18, [header, new Map(), payload, sign(null, toBeSigned(header, payload), key)])))
}

// What stands inside
const HEAD = /^\{"epoch":"([0-9a-f]{16})",(?:"erased":(true),)?"events":\[/
const GATE = '[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?'
const TAIL = new RegExp(`\\],"first":([1-9][0-9]{0,15}),"gate":"(${GATE})","prev":"([0-9a-f]{64})","v":1\\}$`)

function elements(list) { // the events as they stand: encoded anew they might hash to something else
  let [depth, found] = [0, ['']]
  for (const [token] of list.matchAll(/"[^"\\]*(?:\\[^][^"\\]*)*"|[^"[\]{},]+|[^]/g)) {
    depth += '[{'.includes(token) - ']}'.includes(token)
    if (token === ',' && depth === 0) found.push('')
    else found[found.length - 1] += token
  }
  return found
}

export function readBatch(payload, text) {
  const [head, tail] = [HEAD.exec(text), TAIL.exec(text)]
  check(payload.length <= 65000 && head && tail)
  const [events, first] = [elements(text.slice(head[0].length, tail.index)), Number(tail[1])]
  for (const body of events) check(body === body.trim() && formed(() => JSON.parse(body)) !== undefined)
  check(events.length <= 200 && first <= 2 ** 53 - events.length)
  return { gate: tail[2], epoch: head[1], first, prev: tail[3], erased: Boolean(head[2]), events }
}

const ajv = new Ajv({ strict: false })
const KINDS = new Map(reference('events.schema.json').oneOf.map(kind => [kind.title, ajv.compile(kind)]))
const isState = ajv.compile(reference('sync/state.schema.json'))

export function readState(payload, text) {
  const state = formed(() => JSON.parse(text))
  check(payload.length <= 16384 && formed(() => canonical(state)) === text && isState(state))
  check(new Set(state.epochs.map(({ epoch }) => epoch)).size === state.epochs.length)
  return state
}

function defect(body, seq) { // why a row is kept aside; empty: it is an event
  const event = JSON.parse(body)
  try { check(canonical(event) === body) } catch { return 'not_canonical' }
  if (event === null || typeof event !== 'object' || Array.isArray(event)) return 'not_an_event'
  if (!KINDS.has(event.kind)) return 'unknown_kind'
  if (!KINDS.get(event.kind)(event)) return 'not_in_schema'
  return event.seq === seq ? '' : 'wrong_seq'
}

// The ledger: a line of JSON for each batch, appended, never changed
export class Ledger {
  chains = new Map() // by gate and epoch

  constructor(path) { // without a path it forgets
    if (!path) return
    this.file = fs.openSync(path, 'a+', 0o600)
    fs.fsyncSync(fs.openSync(dirname(path))) // or a power cut may leave rows without a file to stand in
    const whole = fs.readFileSync(path, 'utf8').match(/^[^]*\n|/)[0]
    fs.ftruncateSync(this.file, Buffer.byteLength(whole)) // a line that a crash cut off was never acknowledged
    for (const line of whole.split('\n').slice(0, -1)) this.place(JSON.parse(line))
  }

  chain(gate, epoch) { // rows: all that was told, by seq and digest; main, upto, head: what was told first, and its end
    const genesis = sha256(canonical({ epoch, gate, v: 1 })).toString('hex')
    const [name, rows] = [`${gate} ${epoch}`, new Map([[`0 ${genesis}`, { main: true }]])]
    if (!this.chains.has(name)) this.chains.set(name, { upto: 0, head: genesis, rows, main: new Set() })
    return this.chains.get(name)
  }

  place({ gate, epoch, first, prev, erased, events }) { // where it belongs; null: what it follows is not here yet
    const [chain, links] = [this.chain(gate, epoch), [prev]]
    for (const body of events) links.push(sha256(Buffer.from(links.at(-1), 'hex'), body).toString('hex'))
    const row = at => chain.rows.get(`${first - 1 + at} ${links[at]}`) // 0 is the row before the first
    const [fits, isNew] = [links.some((_, at) => row(at)), events.some((_, at) => !row(at + 1))]
    const [ahead, broken] = [first > chain.upto + 1, !fits && first === chain.upto + 1]
    if (!fits && ahead && !erased) return null
    if (!fits && (ahead || broken)) [chain.upto, chain.head] = [first - 1, prev] // what follows begins anew
    events.forEach((body, index) => {
      const [seq, link] = [first + index, links[index + 1]]
      if (row(index + 1)) return
      const newest = chain.upto === seq - 1 && chain.head === links[index]
      const main = newest || Boolean(row(index)?.main && !chain.main.has(seq)) // or late, where rows were missing
      chain.rows.set(`${seq} ${link}`, { seq, main, code: broken ? 'chain_broken' : defect(body, seq) })
      if (main) chain.main.add(seq)
      if (newest) [chain.upto, chain.head] = [seq, link]
    })
    const quarantined = events.map((_, at) => ({ seq: first + at, code: row(at + 1).code })).filter(one => one.code)
    const end = row(events.length).main // else somebody told other rows under these numbers first
      ? { upto: chain.upto, digest: chain.head }
      : { upto: first - 1 + events.length, digest: links.at(-1), forked: true }
    return { isNew, ack: { gate, epoch, ...end, quarantined } }
  }

  take(batch, kid, signature) { // what to acknowledge; durable when it returns
    const placed = this.place(batch)
    if (placed?.isNew && this.file) {
      fs.appendFileSync(this.file, `${JSON.stringify({ ...batch, kid, signature })}\n`)
      fs.fsyncSync(this.file)
    }
    return placed ? [placed.ack] : []
  }
}

// What is answered to what arrives
export function answers(topic, token, { gates, sector, ledger, now }) {
  const [, gate, kind] = /^gated\/v1\/gate\/([^/]+)\/up\/(events|state)$/.exec(topic) ?? []
  const { kid, signature, payload, text } = open(token, kind, gates.filter(one => one.gate === gate), sector, now)
  const told = (kind === 'events' ? readBatch : readState)(payload, text)
  check(told.gate === gate, 'foreign_gate')
  if (kind === 'events') return ledger.take(told, kid, signature)
  return (told.online ? told.epochs : []).map(({ epoch }) => {
    const { upto, head } = ledger.chain(gate, epoch)
    return { gate, epoch, upto, digest: head, quarantined: [], session: told.session }
  })
}

function main() {
  const names = ['broker', 'ca', 'cert', 'key', 'gates', 'ack-key', 'sector', 'ledger', 'group']
  const { values } = parseArgs({ options: Object.fromEntries(names.map(name => [name, { type: 'string' }])) })
  check(/^[\w-]{16,}$/.test(values.group), '--group: a secret of 16 characters or more')
  const files = ['ca', 'cert', 'key', 'gates', 'ack-key'].map(name => fs.readFileSync(values[name]))
  const [[ca, cert, key, gates], ackKey] = [files, createPrivateKey(files[4])]
  const office = { gates: JSON.parse(gates), sector: values.sector, ledger: new Ledger(values.ledger) }
  const session = { protocolVersion: 5, clean: true, resubscribe: false, properties: { sessionExpiryInterval: 0 } }
  const client = mqtt.connect(values.broker, { ca, cert, key, minVersion: 'TLSv1.3', ...session })
  const places = [`$share/${values.group}/gated/v1/gate/+/up/events`, 'gated/v1/gate/+/up/state']
  client.on('connect', () => client.subscribe(places, { qos: 1 }, error => console.error(error ?? 'listening')))
  client.on('error', error => console.error(error.message))
  client.handleMessage = ({ topic, payload }, done) => { // `done` lets the broker forget it: after fsync, not before
    const now = Math.floor(Date.now() / 1000)
    try {
      for (const ack of answers(topic, payload, { ...office, now })) {
        const message = seal(ackKey, canonical({ v: 1, at: now, ...ack }))
        client.publish(`gated/v1/gate/${ack.gate}/down/ack`, message, { qos: 1 })
        console.log(JSON.stringify(ack))
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error // a full disk, a defect: stop, and acknowledge nothing
      console.error(JSON.stringify({ topic, refused: error.message }))
    }
    done()
  }
}

if (process.argv[1]?.endsWith('central.mjs')) main()
