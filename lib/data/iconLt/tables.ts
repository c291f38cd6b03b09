/**
 * The hand-kept tables of Icon-LT. Everything here enters the cache key, so a change redraws nothing wrongly.
 */

/** Sets left out whatever their category: flags, brands, coins, care labels, spinners, names that say nothing. */
export const DROPPED_SETS = new Set(
  `academicons circle-flags flag flagpack cif geo svg-spinners fa-brands fa6-brands fa7-brands fontelico brandico
  ginetex token token-branded vs ps topcoat entypo-social bxl file-icons nonicons bpmn devicon-line devicon-original
  bitcoin-icons emblemicons`.split(/\s+/),
);

/** Categories left out: brands and file-type or tool logos. */
export const DROPPED_CATEGORIES = new Set(['Logos', 'Programming']);

/** Filed under a dropped category, yet an interface set. */
export const KEPT_SETS = new Set(['codicon']);

/** Icons left out by name: brands, flags, letters and digits, skin tones, code points. */
export const DROPPED_ICONS =
  /^(brands?|logos?|social|flags?|file-?type|folder-type|cc|crypto|cryptocurrency|letters?|numbers?|numeric|alpha|alphabet)-|-(logo|logo-.*|brand|flag|skin-tone.*|medium-light|medium-dark)$|skin-tone|^flag-for|^regional-indicator|^[^a-z]*$|^u[0-9a-f]{4}/;

/**
 * Design teams that `info.author` does not show. Each line: sets that hand on one another's drawings
 * (found by counting pictures that are equal pixel by pixel between authors), so they, and all sets of
 * their authors, stay on one side.
 */
export const RELATED_SETS: readonly (readonly [team: string, prefixes: string, why: string])[] = [
  [
    'material',
    'ic material-symbols material-symbols-light mdi mdi-light zmdi memory',
    'drawn after one guideline, 580 equal',
  ],
  ['ionicons', 'ion famicons', 'a fork, 1,186 equal'],
  ['feather', 'feather lucide lucide-lab meteor-icons', 'forks of feather, 173 equal'],
  [
    'font-awesome',
    'fa fa-regular fa-solid fa6-regular fa6-solid fa7-regular fa7-solid la',
    'Line Awesome redraws Font Awesome',
  ],
  ['maps', 'maki temaki pinhead osmic roentgen map', 'pinhead collects the others, 338 equal'],
  ['solar', 'solar reicon', 'a fork, 229 equal'],
  ['streamline', 'streamline-guidance guidance covid', 'one team'],
  [
    'microsoft',
    'codicon fluent fluent-color fluent-mdl2 fluent-emoji fluent-emoji-flat fluent-emoji-high-contrast',
    'one team',
  ],
];

/** The largest teams feed the teacher's half: they hold most pairs and would leave few teams to test on. */
export const WEB_TEAMS = new Set(['material', 'microsoft', 'streamline', 'IconMind']);

/** Style words that end an icon's name in any set. */
export const STYLE_WORDS = new Set(
  `outline outlined fill filled duotone duo linear sharp rounded twotone tone alt colored coloured colour remix
  freehand glyph xs sm md lg xl px icon icons fat minimalistic classic 2x o`.split(/\s+/),
);

/** Style words that also mean something: they count as style only where a set uses them as one (see names.ts). */
export const WEAK_STYLE_WORDS = new Set(
  `line bold thin light regular solid round two broken color flat dark black white mono block simple small large
  big mini micro ring stroke medium baseline b s f ios android material pixel`.split(/\s+/),
);

/** Words that never say what a picture shows; icons with them are left out. */
export const DROPPED_WORDS = new Set(['skin']);

const table = (text: string): Map<string, string> => {
  const map = new Map<string, string>();
  for (const line of text.trim().split('\n')) {
    const [to, from] = line.split(': ') as [string, string];
    for (const name of from.split('|')) map.set(name.trim(), to.trim());
  }
  return map;
};

/** Words that name the same picture inside a longer name (`user-remove` shows what `user-x` or `user-minus` shows). */
export const SYNONYM_WORDS = table(`
plus: add|create|new
minus: remove|subtract
check: tick|done|checkmark|ok|success|complete|checked|accept|approve|confirm
x: cancel|close|cross|times|xmark|delete|error|clear
off: slash|disabled|disable
envelope: mail|email|envelop
image: photo|picture
user: person|account|profile|avatar
users: people|team|persons
message: chat|comment|bubble|bubbles
gear: settings|setting|cog|cogs|preferences|configuration|config|cogwheel
house: home
search: magnifier|magnify|magnifying|find
smartphone: mobile|cellphone|iphone
phone: telephone|call
pencil: pen|edit
bell: notification
chevron: angle|caret|arrowhead
exclamation: alert|warning
info: information
location: marker|place
calendar: date
document: doc|file|page|paper
clipboard: paste
grid: apps
left: back|previous|prev
right: forward|next
chart: graph
car: automobile
bolt: lightning|thunder|thunderbolt
microphone: mic
heart: love|favorite|favourite|favorites
zoom: zooming`);

/** Whole names of one picture. */
export const SYNONYM_NAMES = table(`
trash: bin|trash can|trashcan|garbage|garbage can|recycle bin|trash bin|dustbin|rubbish bin
x: close|cancel|times|multiply
check: tick|done|checkmark|check mark
search: zoom|search glass|magnifying glass|magnifier glass|search magnifying glass|search normal
menu: hamburger menu|menu hamburger|bars|burger menu
shopping cart: cart|trolley|shop cart
location: map pin|location pin|map marker|pin location|location marker|marker pin|map location
lock open: unlock|unlocked|open lock|lock unlock|lock unlocked|padlock open|lock unlocked
lock: padlock|locked|lock close|lock closed|lock x
eye: view|visible|show|visibility|preview|eye open
eye off: hide|eye closed|eye x|invisible|hidden|visibility off|eye hidden|view off|eye close|hide eye
thumb up: thumb|hand thumb up|like
thumb down: dislike|hand thumb down
light bulb: lightbulb|bulb|idea|lamp bulb|bulb light
earth: globe|world|planet earth
airplane: plane|flight|aeroplane|aircraft
tv: television|monitor tv
headphone: headset|earphone
bicycle: bike
film: movie
gem: gemstone|jewel
gift: present|giftbox|gift box
user circle: circle user
shopping bag: bag|bag shopping
briefcase: suitcase|work|portfolio
puzzle: puzzle piece|extension|plugin
cloud upload: upload cloud|cloud up|cloud arrow up
cloud download: download cloud|cloud down|cloud arrow down
logout: sign out|log out|exit|signout
login: sign in|log in|signin
credit card: card|payment|payment card
ellipsis: more|more horizontal|more horiz|more h|dot horizontal|three dot|ellipsis h|ellipsis horizontal|option horizontal|overflow|overflow menu horizontal|menu dot|three dot horizontal
more vertical: dot vertical|more v|more vert|ellipsis vertical|ellipsis v|option vertical|overflow vertical|overflow menu vertical|three dot vertical|menu dot vertical
refresh: reload|sync|arrow rotate|arrow refresh|rotate
video camera: video|videocam|camera video|video cam
code: code bracket|bracket angle
rocket: rocket launch
fire: flame
tag: label|price tag
award: medal
trophy: winner cup|trophy cup
external link: link external|open in|open in x|arrow up right from square
full screen: fullscreen|maximize
volume: sound|volume up|volume high|sound on|volume on
volume x: mute|volume mute|volume off|sound off|speaker off|sound mute|speaker mute|speaker x|sound x
money: cash|banknote
question: help|question mark|question circle|help circle|circle question
info: info circle|circle info
plus circle: circle plus
x circle: circle x
check circle: circle check
minus circle: circle minus
exclamation circle: circle exclamation
exclamation triangle: triangle exclamation
plus square: square plus
check square: square check|checkbox
x square: square x
minus square: square minus
moon: night
sun: sunny|day|brightness|light mode
clock: time|watch later
user plus: plus user
sort ascending: sort asc
sort descending: sort desc
shuffle: random
unlink: link off|link broken|broken link|link slash
graduation cap: mortarboard|education|school cap
bar chart: chart bar|chart column|column chart
pie chart: chart pie
line chart: chart line
gauge: speedometer|tachometer|gauge simple
stop circle: circle stop
play circle: circle play
pause circle: circle pause
arrow up circle: circle arrow up
arrow down circle: circle arrow down
arrow left circle: circle arrow left
arrow right circle: circle arrow right
scissors: cut|scissor
qr code: qrcode|qr
bar code: barcode
dollar: usd|dollar sign
share: share network
coffee: coffee cup|cup coffee|mug hot|coffee mug
bank: museum|landmark
hospital: medical building
truck: delivery truck|delivery
paper plane: send|document plane
bullhorn: megaphone
floppy disk: save|diskette|floppy|save floppy
shield check: check shield
glasses: eyeglass|eyewear
users: user group|group|user three|user two
clipboard: document paste
star half: half star
crosshair: crosshair simple|aim
bullseye: target
terminal: command line|console
cpu: processor|chip|microchip
ban: prohibit|forbidden|prohibited
music note: music|musical note
alarm clock: alarm
percent: percentage
slider: sliders|equalizer|slider horizontal|slider vertical
monitor: display
magic wand: magic|wand magic|wand
infinity: infinite
rewind: fast rewind|backward|fast left|fast backward|rewind left
fast forward: fast right
filter: funnel
droplet: drop|water drop|tint|humidity
copy: duplicate
hashtag: hash
smile: happy|smiley|face smile|smile face|happy face|emoji smile
sad: sad face|frown|face sad|face frown
meh: neutral face|face meh|neutral
cake: birthday cake|cake birthday
brush: paintbrush|paint brush
smartphone: smartphone phone
basket: shopping basket
shop: storefront|shop front
book open: open book
align left: text align left
align center: text align center
align right: text align right
align justify: text align justify
arrow up circle: arrow circle up
arrow down circle: arrow circle down
arrow left circle: arrow circle left
arrow right circle: arrow circle right
volume down: volume low
list check: checklist|check list
pill: capsule
zoom in: search plus|search glass plus|magnifying glass plus
zoom out: search minus|search glass minus|magnifying glass minus
chevron down circle: circle chevron down
chevron up circle: circle chevron up
chevron left circle: circle chevron left
chevron right circle: circle chevron right
first aid kit: first aid|medical kit
motorcycle: motorbike
wine: wine glass|glass wine
sofa: couch
ice cream: icecream
plus: plus small|plus large|plus sign|sign plus|plus round|plus expressive
minus: minus small|minus sign|sign minus|minus expressive
hard drive: hdd|harddrive|hard disk
redo: rotate right|rotate clockwise|rotate cw
undo: rotate left|rotate counterclockwise|rotate ccw
t shirt: shirt|tshirt
thermometer: temperature
newspaper: news
grid: th large|layout grid|menu grid r|grid dot
heading: header
donut: doughnut
clapperboard: clapper board
hourglass: hour glass
meh: face neutral
microphone off: microphone mute
arrow left right: arrow right left|arrow right arrow left|arrow left arrow right|left right arrow
arrow up down: up down arrow|arrow down up|arrow up arrow down
monitor: desktop computer
trash: wastebasket|waste basket
list ordered: ordered list|list ol
list unordered: unordered list|list ul
unlink: link break
pushpin: thumbtack
bold: text bold|format bold
italic: text italic|format italic
underline: text underline|format underline
strikethrough: text strikethrough|format strikethrough`);

/** Second names of a picture another class has, or names several pictures share: never a class. */
export const AMBIGUOUS = new Set(
  `import|export|desktop|device|package|column|object|direction|scale|attachment|print|store|school|library|church|
  rectangle|frame|font|male|female|album|browser|sort|move|command|speaker|launch|expand|collapse|compress|minimize|cup|notebook|
  dot|enter|flash|on|off|all|other|default|empty|none|base|misc|set|action|general|data|ui|element|app|tool|system|item|
  shape|part|point|symbol|sign|mark|brand|status|state|mode|type|option|custom|test|demo|basic|feature|process|service|
  business|company|zero|one|two|three|four|five|six|seven|eight|nine|ten|up|down|left|right|top|bottom|center|start|end|middle|
  front|source|model|version|show|select|selection|content|text|title|translate|control|function|operation|management|report|
  hamburger|diamond|block|color|button|cell|edge|pad|pie|face|exclude|include|currency|path|body|leg|chart|analytics|analytic|stats|stat|delete|create|clear|error|complete|ok|approve|accept|confirm|success|
  place|paper|cross|subtract|accessibility|disabled|disable|checked|record|plan|project|product|page|template|style|theme|design|layout|list|overview|detail|history|note|task|activity|event|
  program|training|development|platform|resource|support|open|square|circle|line|long|short|new|free|real|safe|smart|
  power|reply|swap|switch|transfer|direct|turn|return|insert|remove|apply|change|read|write|run|go|stop sign|group object|
  dashboard|exclamation|language|timer|football|glass|computer|paint|exchange|loop|snow|fork|mouse|table|handbag|storage|
  subway|boat|cloudy|city|mask|water|thread|adjust|memory|weight|beaker|badge|pointer|apple|opera|stop|circle notch|
  document word|document excel|flag|ring|round|medium|light|dark|image square|number|letter|word|sound wave|wave|arrow`
    .split('|')
    .map((name) => name.trim()),
);

/** Brands that slip through the filters. */
export const BRAND_WORDS = new Set(
  `twitter facebook github instagram linkedin google youtube figma gitlab dribbble behance paypal android bitcoin
  airplay podcast spotify slack discord reddit whatsapp pinterest twitch tiktok dropbox amazon windows microsoft skype
  telegram wordpress medium codepen chrome firefox snapchat vimeo visa python docker mastercard ethereum adobe tumblr
  flickr soundcloud yahoo wechat weibo steam xbox playstation linux ubuntu html css javascript react vue angular sass npm
  bootstrap java php stackoverflow stack messenger bluetooth usb foursquare blogger
  stumbleupon trello digg chromecast yelp wikipedia nintendo safari hunt threads`.split(/\s+/),
);

/** Words whose last "s" is no plural. */
export const NOT_PLURAL = new Set(
  `gps bus glasses lens canvas news gas atlas christmas status focus virus cactus analysis tennis series species ios css
  sms dns rss https always this pants jeans shorts scissors users os js ts aws tms bias cosmos mars venus plus minus
  octopus walrus chess less cross tetris basis axis iris oasis dos pos cms yes us previous`.split(/\s+/),
);

/** Plurals the rules of names.ts would get wrong. */
export const IRREGULAR_PLURALS = new Map(
  Object.entries({
    movies: 'movie',
    cookies: 'cookie',
    pies: 'pie',
    ties: 'tie',
    zombies: 'zombie',
    leaves: 'leaf',
    knives: 'knife',
    mice: 'mouse',
    feet: 'foot',
    teeth: 'tooth',
    children: 'child',
    men: 'man',
    women: 'woman',
    houses: 'house',
    axes: 'axe',
    boxes: 'box',
    potatoes: 'potato',
    tomatoes: 'tomato',
    shoes: 'shoe',
    wolves: 'wolf',
    loaves: 'loaf',
    dice: 'dice',
    roses: 'rose',
    horses: 'horse',
    purses: 'purse',
    nurses: 'nurse',
    phases: 'phase',
    cases: 'case',
    databases: 'database',
    mouses: 'mouse',
    noses: 'nose',
    vases: 'vase',
    expenses: 'expense',
    licenses: 'license',
    buses: 'bus',
    lenses: 'lens',
    caches: 'cache',
    aches: 'ache',
  }),
);
