/**
 * Two names for one picture: merged, so that no two classes show the same thing. Found by reading the names of pictures that
 * are equal pixel by pixel between design teams, and by looking at what is drawn under each name.
 */

const table = (text: string): Map<string, string> => {
  const map = new Map<string, string>();
  for (const line of text.trim().split('\n')) {
    const [to, from] = line.split(': ') as [string, string];
    for (const name of from.split('|')) map.set(name.trim(), to.trim());
  }
  return map;
};

/** Words that name the same picture inside a longer name (`user-add` shows what `person-plus` shows). */
export const SYNONYM_WORDS = table(`
plus: add|create|new
minus: subtract
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
thumb up: thumb|hand thumb up
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
