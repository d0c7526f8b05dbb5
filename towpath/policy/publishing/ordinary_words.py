"""Words that are no names: of English, as sentences and headings begin with them, and Korean ones that begin with the
syllable of a family name. What is missing here is left to a person, so words that are also names stay out.
"""

_ENGLISH = """
about above according account achieve across act action actions activities activity actually adapter add address
addresses after again against age ago agree ahead aiohttp alert alerts all allowed allows almost alone along already
also altered although always am among amount an analysis and anew annotations announce another answer answered answers
any anybody anyone anything anyway anywhere apart appear appends applied apply approval approve approved archive are
area around arrive artefact artefacts article as aside ask asked asking asks asyncio at attempt attempts attribute
attributes audience author aware away back bad balance bare base based basic batch be bearer became because become
becomes been before began begin beginning begins begun behind being believe belongs below beside best better between
beyond big bigger biggest billing block bodies body bonus book booked both bottom bound bounded bounds brackets branch
break breaking breaks brief bring brings broken brought bucket budget build built business busy but buy by bytes cache
call called calls came campaign campaigns can cancel cancellation cancelled cancels cannot care carried carries carry
case cases catalogue catches category caught cause celebrate central certainly change changed changes channel channels
characters cheap check checked checkout checks child children choice choices choose chooses chosen circle claims class
classes clean cleaned clear click client clients clock clocks close closed closes co code codec codes collector column
columns come comes coming command commands comments common community companies company compare compared compares
compensation compiled complete completed completes compose compressed computed concern condition conditions config
configuration congratulations connect connection connections consider contact container content contents context
continue contract contracts control copied copy core cores cost costs could count counted country counts cover crash
create criteria curious current cursor customer customers cut cuts cycle cycles daily data database dataset datasets
date dates day days deadline deal dear decide decided decides decision decisions declared deep default defaults defect
definition definitions deletes deliver delivered delivery demand demo depend deploy deployment deployments destination
destinations details deterministic development diagnosis dialect did died dies differ different difficult dig digest
digests digits direct discover discuss discussion dlt do document documents does doing done door dots double doubling
doubt down draft drive driven drop dropped due duplicates durable durations during each eager earlier early easy edge
edit effect effects eight either eleven else elsewhere email embedded emoji empty encoded encrypted encryption end
ended ending endpoint ends energy engage engine enjoy enough ensure enter entire entity entries entry environment
equal error errors especially evaluated evaluation even event events ever every everybody everyone everything
everywhere evidence ex exact exactly example excellent except exciting exist exists exit expect experience experts
explain explore expression expressions extra eye facet fact factories factory facts fail failed failing fails failure
failures fair fall false family fantastic far fast faster fault faults feature features feeds feel fetched fetches few
fewer field fields fifth figure figures file files fill filled final finally find finds fine finish fire firing first
fit five fix fixes flat flight floor focus folder folders follow followed follows food for forget form format former
forms forward found four free fresh friday friend friends from front frozen full fun function functions further future
gain game gave general generated get gets getting give given gives glad go goal goes going gone good got grammar graph
great greater ground group groups grow growth guard guarded guards guess guide had half hand handles hands happen
happened happens happy hard has hash hashed have having he head header headers headline health hear heard heart
heartbeat heartbeats held hello help hence her here hers hey hi hidden high higher highest him his histories history
hit hold holds home honest hook hooks host hostile hosts hour hours house how however http https httpx huge human
hurry hypothesis idea idempotency idle ids if ignore image imagine impact import important imports impossible
impressive improve in incident incidents include included including indeed inner input inputs inside installed
instance instances instead instructions interested interesting into introduce introducing inventory invest is issue it
item items its itself job jobs join joined joins judged just keep keeps kept key keys keywords kill killed kind kinds
kit know knowledge known knows label labels lack lacks land language large larger lark last late later latest launch
launching law lead leader leaders leading leads learn learns least leave leaves ledger left length lengths less lesson
lessons let lets letter letters level libraries library lie lies life light like likely limit limited limits line
lineage lines link links list listed listen lists little live load loaded loads local lock locked log logs long longer
longest look looked looking looks loop loopback loops lose loss lost lot love low lower lunch machine made mail main
make maker makers makes making man management many marked marker market markets marks masked match matches matrix
matter maybe me mean meaning means meant meanwhile measure measured meet meeting member members memory men mend mended
merged message metadata metric metrics middle might million min mind mine minor minute minutes miss missed missing
mission mistake model models modern module modules moment money month monthly months more moreover morning most mostly
mother move moves much music must my mystery name named names namespace near nearly need needed needs neither nested
never nevertheless new newer newest news next nice night nine no nobody nodes none nor normal not note notes nothing
notice notices now nowhere null number numbers object objects obstore obviously of off offer offered office offline
often oh ok okay old older on onboarding once one ones only open opened opens operations operator operators opinion
opportunity option or order orders ordinary original other others otherwise ought our ours ourselves out outcome
outcomes output outputs outside over overall own package packages paged pages paper parallel parameter parameters
parcels parsed parser part partition partitions partner partners parts pass passed passes passing past path paths
pattern patterns paused pay payload payloads peak people per percent perfect perhaps period person personal pick piece
pipeline pipelines place places plain plan plane plant planted platform platforms play please plenty plus point points
policy poll popular port ports possible post posts power practice precondition present press pretty previous price
prices printed prints pro probably problem problems process processes produce product production products profile
profit progress promise prompt proof properties proposed proud provide proxy public publish published publishing pull
pure push put puts quality quarantine quarantined quarter query question questions queue queued queues quick quickly
quiet quite quorum quotation quotations quote quotes race raise raises ran randomness ranges rate rates rather ratios
re reach reached reaches read reader readers reading reads ready real reality realize really reason reasons receive
received receiver recent recently record recorded records recover redirect redrive redriven redrives reduce reference
references refusal refuse refused refuses register registered registers regular related remediation remember remind
removes repeat repeated repeats repetitions replace replaced replaces replay replays reply report reported reports
request requests reset resolved resolves response rest result results retention retries retry return returns revenue
reverse review reviewers right rise risk road role rollback rolled room rooms root roots round rounds row rows rule
rules run runbooks running runs safe safety said sales same sample sandbox save saw say says scale scenarios schedule
schedules schema schemas school score script search season second seconds secret secrets section see seem seen sees
send sender sends sent sentence sentences separate series serious served server servers serves service services set
sets setting settings settled seven several severity shall shape shapes share shared she shift ship shipped shop short
shorter shortest should show shown shows side sign signal signals signed signs simple simplify since single sit
situation six size skipped slow small smart so social some somebody someday someone something sometimes somewhere soon
sorry sound source sources space spaces speak speaks special specification specifications speed spend spoiler spring
stable stack staff stage stages stand standard stands start started starter starters starts state status stay stays
stderr step steps still stock stood stop stops store stored stores stories story straight strategy street strict
strings strong study stuff subject success such suddenly suggest suite sum summary summed supply support suppose sure
surely surprise switch system systems table tables take takeaway taken takes talk tap task tasks team teams technology
tell tells template templates temporary ten tenth terminal terminated test tests text texts than thank thanks that the
their theirs them themselves then there therefore these they thing things think third this those though thought
thousand thread three threshold through throughout thus till time timeline times tip tips tired title to today
together token tokens told tomorrow tonight too took tool tools top topic total touch touched toward traceback track
trade train transaction transformation transport travel travels tree tried tries trigger triggers true trust truth try
turn turns twelve twenty twice two type typed types ultimately undecided under understand undo undoes undone
unfortunately unknown unless unlike until up update updates upgrade upon upsert us use used useful user users uses
usual usually validation value values various version versions very view visit visits voice volume vs wait waited
waiting waits walk wall wanna want wanted wants war warm warn warning warns was waste watch water watermark way ways
we weak webhook website week weekly weeks welcome well went were what whatever wheel when whenever where whereas
wherever whether which whichever while who whoever whole whom whose why wide windows wise wish with withdrawn within
without woman women won wonder word words work worked worker workers workflow workflows working works world worry
worse worst worth would write writes writing written wrong wrote year yearly years yes yesterday yet you your yours
yourself zero zone
"""
_KOREAN = """
강남 강도 강력 강력한 강물 강북 강사 강세 강연 강원 강원도 강의 강점 강조 강좌 강추 강한 강화 강화된 고객 고객님
고객들 고객사 고객센터 고객층 고구마 고급 고급화 고기 고대 고도 고도화 고등 고등학교 고려 고려한 고려해 고령 고령자
고령화 고르 고른 고를 고리 고마운 고맙습니다 고민 고민을 고민하 고발 고백 고비 고생 고성능 고속 고속도로 고속철도
고스란히 고액 고온 고용 고용률 고위 고위직 고유 고유한 고작 고장 고장난 고전 고전적 고정 고정된 고지 고지서 고철
고쳐 고쳤 고추 고추장 고층 고치 고친 고칩니다 고통 고품질 고향 고효율 공간 공간은 공간을 공감 공개 공개된 공개한
공격 공격적 공고 공고문 공공 공공기관 공구 공군 공급 공급가 공급량 공급망 공급사 공급업체 공급자 공급한 공기 공기업
공기질 공기청정기 공동 공동의 공동체 공모 공모전 공백 공부 공부한 공사 공사비 공사장 공식 공식적 공업 공연 공연장
공원 공원의 공유 공유된 공유한 공유해 공익 공인 공인된 공장 공장은 공장장 공정 공정률 공정한 공제 공지 공지한 공짜
공책 공통 공통된 공통점 공평 공항 공항철도 공헌 공휴일 구간 구간별 구글 구독 구독료 구독자 구두 구름 구매 구매자
구매처 구매한 구멍 구미 구분 구분된 구비 구상 구석 구석구석 구성 구성된 구성원 구성한 구속 구십 구역 구역별 구워
구인 구인난 구입 구입한 구제 구조 구조물 구조적 구청 구청장 구체 구체적 구축 구축된 구축한 구하 구한 구해 구현
구현된 구현한 구형 구호 권고 권고안 권리 권역 권위 권위자 권유 권장 권하 권하는 권하지는 권한 권합니다 길거리 길게
길고 길다 길목 길은 길을 길이 나가 나가는 나간 나갈 나갑니다 나갔다 나누 나눈 나눔 나눕니다 나눠 나뉘 나뉜 나는
나도 나도록 나라 나라는 나라의 나란히 나를 나만 나만의 나머지 나머지는 나무 나무마다 나물 나빠 나쁘 나쁜 나서
나서는 나선 나섰다 나아 나아가 나아간 나아지 나아진 나오 나온 나온다 나옵니다 나와 나왔 나왔다 나은 나의 나이
나이가 나중 나중에 나타나 나타난 나타났다 나타내 나타냈 나흘 나흘간 남겨 남겼다 남극 남기 남긴 남깁니다 남녀 남는
남는다 남다른 남동생 남매 남미 남부 남산 남성 남아 남용 남은 남음 남자 남짓 남쪽 남편 남해 노동 노동력 노동자
노란색 노래 노력 노력한 노사 노선 노선도 노인 노인층 노조 노출 노출된 노트 노트북 노하우 노후 노후화 도구 도구를
도달 도달한 도대체 도덕 도로 도로망 도로의 도리어 도맡아 도매 도매상 도메인 도면 도모 도서 도서관 도시 도시들
도시락 도시의 도심 도심의 도안 도약 도약기 도약한 도와 도와드립니다 도우미 도운 도울 도움 도움말 도움을 도움이 도입
도입된 도입한 도입합니다 도자기 도장 도저히 도전 도전적 도전한 도중 도중에 도지사 도착 도착지 도착한 도청 도표 도형
류의 마감 마감된 마감일 마당 마디 마땅한 마라톤 마력 마련 마련된 마련한 마련했다 마리 마무리 마무리한 마법 마세요
마스크 마시 마신 마실 마약 마을 마을버스 마을의 마음 마음껏 마음이 마이크 마일리지 마저 마주 마주한 마지막
마지막까지 마지막으로 마차 마찬가지 마찬가지로 마찰 마쳤다 마치 마친 마침 마침내 마칩니다 마케터 마케팅 마크 마트
맹세 문건 문구 문구류 문구점 문단 문득 문맥 문명 문법 문법만 문서 문서들 문서화 문서화된 문안 문을 문의 문의자
문의처 문의해 문자 문자열 문자와 문장 문장들 문제 문제가 문제점 문턱 문학 문항 문화 문화재 문화적 민간 민간인 민감
민감한 민생 민원 민원인 민족 민주 민주적 박람회 박물관 박사 박수 박스 방금 방대한 방면 방문 방문객 방문자 방문한
방법 방법은 방법을 방송 방송국 방송사 방수 방식 방식은 방식의 방안 방안을 방어 방에 방역 방영 방울 방을 방이 방지
방지책 방지한 방침 방콕 방학 방해 방향 방향으로 배경 배경에 배관 배기 배달 배달비 배달원 배당 배당금 배려 배려한
배분 배상 배상금 배송 배송료 배송비 배송일 배송지 배수 배열 배우 배우고 배우는 배우자 배운 배울 배움 배추 배추김치
배출 배출량 배치 배치된 배터리 배포 배포된 배포판 백년 백만 백분율 백색 백서 백신 백업 백여 백일 백지 백천 백화점
변경 변경된 변경은 변경한 변동 변동성 변동폭 변두리 변명 변수 변신 변함없는 변함없이 변호사 변호인 변화 변화를
변화한 변환 변환한 서고 서너 서두르 서두를 서둘러 서랍 서로 서류 서른 서면 서명 서민 서버 서부 서비스 서비스는
서서 서서히 서술 서식 서식지 서신 서양 서울 서울시 서울역 서점 서쪽 서투른 석방 석사 석유 석유화학 석탄 선거
선거일 선도 선도하는 선두 선두의 선로 선명 선명한 선물 선물용 선물한 선박 선반 선발 선발된 선배 선별 선보 선보였다
선보이 선보인 선불 선사 선생 선생님 선선한 선수 선수단 선수들 선언 선언한 선의 선임 선임된 선적 선정 선정된 선정한
선제적 선진 선진국 선착순 선출 선택 선택된 선택은 선택지 선택한 선풍기 선행 선호 선호도 선호하는 설계 설계도 설계된
설계자 설계한 설날 설득 설득력 설령 설립 설립된 설립자 설립한 설명 설명서 설명한 설명합니다 설명했다 설명회 설문
설문조사 설비 설비를 설사 설정 설정된 설정은 설정한 설치 설치된 설치비 설치한 설탕 성격 성격의 성공 성공률 성공적
성공한 성과 성과급 성과를 성능 성립 성명 성명서 성별 성분 성분표 성수기 성수기가 성숙 성숙한 성실 성실히 성원 성인
성인용 성장 성장률 성장세 성장한 성적 성질 성취 성탄절 성향 소감 소개 소개된 소개한 소개합니다 소개했다 소규모
소규모의 소극적 소금 소나무 소녀 소년 소도시 소독 소득 소득세 소란 소량 소리 소리가 소망 소매 소매상 소매업 소멸
소모 소모된 소모품 소방 소방관 소방서 소비 소비량 소비자 소비자가 소비재 소비한 소상공인 소설 소설가 소셜 소속
소속된 소송 소수 소수의 소수점 소식 소식을 소식지 소아 소액 소액결제 소양 소요 소요된 소원 소위 소유 소유자 소유한
소음 소인 소자 소장 소재 소재지 소정의 소주 소중 소중한 소지 소지품 소진 소진된 소집 소통 소통한 소포 소포장 소폭
소품 소프트 소프트웨어 소형 소형차 소형화 소홀 소화 소화기 소화전 소환 손가락 손글씨 손길 손님 손목 손상 손상된
손수 손쉬운 손쉽게 손실 손실률 손에 손으로 손익 손잡고 손잡이 손해 송금 송년회 송신 송이 송장 송출 신경 신고
신고자 신규 신기록 신기술 신년 신도시 신뢰 신뢰도 신문 신발 신사업 신상 신상품 신선 신선도 신선한 신설 신세계 신속
신속히 신용 신용카드 신입 신입사원 신제품 신중 신중히 신청 신청자 신체 신형 신호 심각 심각도 심각하게 심각한 심리
심리적 심사 심사위원 심야 심의 심장 심지어 심층 심화 안건 안과 안내 안내문 안녕 안녕하세요 안녕하십니까 안녕히 안도
안된다 안보 안부 안심 안에 안은 안전 안전성 안전팀 안전한 안정 안정성 안정적 안주 안쪽 안타까운 안팎 안합니다 양국
양극화 양도 양도세 양말 양면 양산 양산형 양성 양식 양식장 양적 양질 양쪽 양파 양해 양호 양호한 엄격 엄격한 엄격히
엄마 엄밀히 엄선 엄선한 엄청 엄청난 연간 연간의 연결 연결된 연결한 연결합니다 연계 연계된 연계한 연구 연구개발
연구소 연구실 연구원 연구자 연구진 연구팀 연구한 연기 연기된 연기자 연도 연도별 연동 연동된 연동한 연락 연락처
연락한 연령 연령대 연령층 연료 연료비 연료전지 연말 연말정산 연못 연방 연봉 연비 연산 연상 연설 연설문 연세 연속
연속적 연수 연습 연습실 연습한 연습합니다 연애 연어 연예 연예인 연일 연장 연장된 연장자 연장한 연주 연주자 연중
연차 연초 연출 연출가 연탄 연평균 연필 연하 연합 연합회 연휴 연휴에 염려 염색 염증 오고 오기 오는 오늘 오늘날
오디오 오래 오래된 오랜 오랫동안 오류 오르 오른 오만 오면 오명 오백 오분 오븐 오십 오염 오염수 오염원 오월 오일
오전 오전에 오지 오직 오징어 오차 오천 오프라인 오픈 오피스 오해 오후 오히려 왕관 왕국 왕복 우대 우량 우려 우려한
우리 우리가 우리는 우리말 우리의 우리집 우산 우선 우선순위 우선적 우수 우수상 우수한 우승 우승자 우연히 우울 우월
우유 우주 우주선 우측 우편 우편물 우편번호 우회 원가 원가율 원격 원격지 원고 원고를 원고와 원금 원동력 원두
원두커피 원래 원래의 원료 원료비 원료의 원리 원문 원문에 원본 원산지 원산지와 원서 원유 원으로 원을 원의 원이
원이고 원이다 원인 원인은 원인을 원입니다 원자 원자력 원자재 원작 원장 원점 원정 원제 원주 원주민 원천 원천기술
원천적 원칙 원칙을 원칙적 원하 원하는 원하지 원한 원할 원형 원활 원활한 원활히 유가 유기농 유기적 유난히 유도 유독
유동성 유럽 유로 유로화 유료 유리 유리병 유리한 유망 유명 유명한 유발 유사 유사한 유산 유산균 유아 유연 유연성
유연한 유용 유용한 유의 유의미 유일 유일한 유입 유저 유지 유출 유치 유치원 유통 유통업 유튜브 유틸리티 유행 유형
유형별 유효 유효한 이것 이고 이곳 이기 이기겠다 이긴 이긴다 이끈 이나 이날 이내 이다 이달 이대로 이동 이득 이든
이듬해 이때 이라고 이라는 이라며 이란 이래 이런 이렇게 이레 이력 이론 이루 이룬 이뤄 이르 이른 이른바 이를 이름
이만 이메일 이며 이면 이모지 이미 이미지 이백 이번 이번달 이번에 이번주 이벤트 이사 이사회 이상 이상적 이송 이슈
이십 이야기 이어 이어서 이어지 이어진 이억 이에 이와 이외 이용 이용자 이용하는 이웃 이월 이유 이익 이자 이전 이점
이제 이중 이처럼 이천 이틀 이하 이하로 이해 이행 이후 임금 임대 임명 임무 임박 임상 임시 임업 임원 임의 임직원
장관 장기 장기적 장년층 장려 장르 장면 장바구니 장부 장비 장사 장소 장시간 장식 장애 장애가 장애물 장애인 장인
장점 장차 장착 장치 장터 장학금 전개 전공 전공자 전구 전국 전국적 전기 전기로 전기료 전기차 전까지 전날 전년
전년도 전년비 전달 전달자 전달한 전담 전담팀 전등 전략 전략적 전력 전망 전면 전면적 전무 전문 전문가 전문성 전문적
전문점 전반 전반적 전부 전분기 전사 전산 전산망 전선 전세 전세계 전속 전송 전송된 전시 전시관 전시장 전시회 전액
전에 전용 전용관 전원 전월 전일 전임 전임자 전자 전자제품 전쟁 전제 전제로 전주 전직 전직원 전직원이 전진 전철
전체 전체적 전통 전통적 전통주 전표 전하 전한 전해 전했다 전혀 전형 전형적 전화 전화로 전화번호 전환 전환율 전후
정교 정규 정규직 정기 정기적 정답 정당 정도 정리 정말 정면 정문 정밀 정보 정부 정비 정산 정상 정성 정시 정식
정신 정오 정원 정유 정유사 정의 정작 정장 정적 정전 정지 정직 정직원 정착 정책 정체 정체성 정치 정하 정한 정할
정합니다 정해 정해져 정해진 정확 정확히 조각 조건 조금 조기 조달 조리 조립 조만간 조명 조사 조사관 조사원 조선
조성 조언 조용 조용히 조율 조작 조정 조직 조치 조치로 조합 조합원 조항 조회 주간 주간지 주거 주거나 주거지 주고
주관 주관적 주기 주기적 주년 주는 주당 주도 주도적 주도한 주된 주력 주력한 주로 주류 주말 주머니 주면 주목 주목받
주목한 주목할 주문 주문량 주문서 주문은 주문이 주문자 주문처 주문한 주문할 주민 주민들 주민등록 주방 주방은 주방장
주변 주변에 주변인 주부 주사 주세요 주소 주소들 주소로 주시면 주식 주식시장 주식회사 주신 주십시오 주어 주어진 주었
주요 주요한 주유소 주의 주의점 주인 주인공 주일 주장 주장은 주장한 주저 주저하 주제 주제별 주차 주차비 주차장 주최
주최자 주최측 주축 주택 주택가 지갑 지고 지구 지구의 지구촌 지금 지금까지 지금도 지금은 지금의 지급 지급된 지급하는
지급한 지나 지나간 지나갑니다 지나면 지나친 지난 지난날 지난달 지난번 지난주 지난해 지난해보다 지내 지낸 지는 지능
지능형 지니 지닌 지다 지도 지도는 지도를 지도부 지도자 지름길 지며 지면 지방 지방세 지방의 지배 지배적 지분 지분율
지불 지불한 지붕 지사 지사장 지상 지상파 지속 지속가능 지속된 지속적 지속한 지수 지수로 지시 지시한 지식 지식인
지역 지역민 지역별 지역사회 지역의 지연 지연된 지연시간 지연율 지우 지운 지움 지워 지원 지원군 지원금 지원서 지원을
지원자 지원책 지원팀 지원한 지위 지으 지은 지을 지인 지인들 지적 지적재산 지적한 지점 지점과 지점마다 지점별 지점장
지정 지정된 지정한 지정합니다 지지 지지율 지지자 지지한 지체 지출 지출한 지침 지침서 지켜 지켜보고 지켜본 지켜야
지키 지킨 지킬 지킵니다 지평 지표 지표가 지표다 지표로 지하 지하수 지하철 지하층 지형 지혜 지혜로운 지휘 지휘자
진단 진단서 진단한 진동 진료 진료비 진료소 진보 진상 진술 진실 진심 진심으로 진열 진열대 진입 진입로 진전 진정
진정한 진지 진지한 진짜 진출 진출한 진통제 진학 진행 진행된 진행됩니다 진행자 진행중 진행하고 진행한 진화 진화한
차고 차관 차근차근 차기 차단 차단된 차라리 차량 차량용 차례 차례로 차별 차별화 차별화된 차분 차분히 차선 차세대
차액 차원 차원의 차이 차이점 차입 차입금 차장 차지 차지한 차질 차츰 차트 채권 채널 채널별 채널은 채널을 채무 채소
채소와 채식 채용 채용공고 채용된 채용한 채우 채운 채웁니다 채워 채점 채집 채택 채택된 채택한 채팅 채팅방 천국 천둥
천막 천만 천명 천사 천안 천억 천여 천연 천연가스 천장 천재 천천히 최강 최고 최고경영자 최고기술책임자 최근 최다
최대 최상 최선 최소 최신 최우선 최장 최저 최적 최적화 최종 최종안 최초 추가 추가된 추가로 추가적 추가한 추구
추구하는 추석 추세 추세는 추억 추위 추이 추적 추적한 추정 추정된 추정치 추진 추진한 추천 추천인 추천한 추첨 추출
추측 추후 탁구 탁월 탁월한 탁자 표는 표를 표면 표면에 표본 표시 표시된 표시등 표시한 표에 표절 표정 표준 표준어
표준의 표준화 표지 표지판 표창 표창장 표출 표현 표현된 표현한 하게 하고 하기 하길 하나 하나가 하나로 하나만
하나부터 하나씩 하나에서 하나의 하나이고 하나하나 하네 하는 하늘 하늘색 하니 하다 하던 하되 하드웨어 하락 하락세
하락폭 하락한 하려 하려면 하루 하루도 하며 하면 하면서 하반기 하반신 하세요 하십시오 하여 하위 하이브리드 하자 하중
하지 하지는 하지만 하차 하천 하천변 하청 하청업체 하필 하한 한가운데 한가지 한강 한결 한계 한국 한국산 한국어
한국은 한국인 한국형 한글 한꺼번에 한눈에 한다 한다면 한달 한데 한동안 한두 한때 한마디 한몫 한번 한복 한사람
한시간 한식 한없이 한옥 한우 한자 한정 한정판 한쪽 한창 한층 한테 한파 한편 한편으로 한해 함께 함께하는 함께한
함께할 함량 함수 함유 함정 허가 허가된 허락 허리 허브 허용 허용된 허용량 허위 현관 현금 현금화 현대 현대적 현대화
현명한 현미 현상 현상을 현수막 현실 현실적 현실화 현장 현장마다 현장에서 현장의 현재 현재는 현재의 현지 현지인
현지화 현행 현황 현황을 홍보 홍보팀 홍삼 홍수 홍차 황금 황사
"""
ENGLISH = frozenset(_ENGLISH.split())
KOREAN = frozenset(_KOREAN.split())
