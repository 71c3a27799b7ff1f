"""Invented people of many languages: always the same, nobody real.

Addresses end in the reserved example domains. Telephone numbers come only from ranges that the national regulators
keep for fiction, so that nobody can be called by the demo; who lives elsewhere has none.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

DOMAINS = ("example.com", "example.org", "example.net")
LATIN = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "þ": "th", "ð": "d", "æ": "ae", "œ": "oe"})


@dataclass(frozen=True, slots=True)
class Locale:
    """A language with ten given and ten family names; names in other scripts carry a romanisation after `=`."""

    language: str
    zones: tuple[str, ...]
    given: str
    family: str
    phone: Callable[[int], str] | None = None


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    email: str
    phone: str
    timezone: str
    language: str


def american(number: int) -> str:
    return f"+1{(212, 312, 415, 206, 305, 512)[number % 6]}55501{number // 6:02d}"


def canadian(number: int) -> str:
    return f"+1{(416, 514, 604)[number % 3]}55501{number // 3:02d}"


def british(number: int) -> str:
    return f"+442079460{number:03d}"


def german(number: int) -> str:
    return f"+493023125{number:03d}"


def french(number: int) -> str:
    return f"+33199000{number:03d}"


def swedish(number: int) -> str:
    return f"+468465004{number:02d}"


def australian(number: int) -> str:
    return f"+612555010{number:02d}"


LOCALES = (
    Locale(
        "English (United States)",
        ("America/New_York", "America/Chicago", "America/Los_Angeles", "America/Denver"),
        "Olivia Liam Ava Noah Mia Ethan Zoe Mason Grace Caleb",
        "Johnson Rivera Brooks O'Neill Washington Nguyen Carter Hughes Bennett Foster",
        american,
    ),
    Locale(
        "English (United Kingdom)",
        ("Europe/London",),
        "Amelia Oliver Isla Harry Freya Alfie Poppy Rhys Imogen Callum",
        "Smith Llewellyn MacDonald Patel Ashworth Fitzgerald Okafor Pemberton Shaw Whitaker",
        british,
    ),
    Locale(
        "English (Australia)",
        ("Australia/Sydney", "Australia/Perth", "Australia/Adelaide"),
        "Matilda Jack Sienna Lachlan Ruby Cooper Evie Angus Tahlia Declan",
        "Brown Murphy Kelly Wilson Papadopoulos Tran Campbell Walsh Reid Doyle",
        australian,
    ),
    Locale(
        "German",
        ("Europe/Berlin", "Europe/Vienna", "Europe/Zurich"),
        "Jürgen Käthe Sören Anneliese Björn Heike Günther Friederike Maximilian Jördis",
        "Müller Weiß Schröder Großmann Jäger Köhler Strauß Hübner Bäcker Vogt",
        german,
    ),
    Locale(
        "French",
        ("Europe/Paris", "Europe/Brussels"),
        "Chloé François Zoé Jérôme Anaïs Benoît Hélène Loïc Maëlle Théo",
        "Lefèvre Dubois Gérard Besançon Côté Noël Châtelain Moreau d'Aubigné Rousseau",
        french,
    ),
    Locale(
        "French (Canada)",
        ("America/Montreal", "America/Halifax"),
        "Océane Étienne Léa Félix Noémie Rémi Maude Gaétan Aurélie Cédric",
        "Tremblay Gagnon Bélanger Bouchard Lévesque Désilets Fortin Pépin Thériault Côté",
        canadian,
    ),
    Locale(
        "Swedish",
        ("Europe/Stockholm",),
        "Åsa Göran Märta Östen Linnéa Håkan Frida Sven Elsa Pär",
        "Åkesson Björklund Öberg Sjöström Lindqvist Nyström Hedström Ekblad Strömberg Ljung",
        swedish,
    ),
    Locale(
        "Spanish",
        ("Europe/Madrid", "America/Mexico_City", "America/Bogota", "America/Argentina/Buenos_Aires"),
        "Begoña Íñigo Lucía José Ximena Andrés Inés Raúl Úrsula Ángel",
        "Núñez Ibáñez García Peña Muñoz Castaño Gutiérrez Zúñiga López Ordóñez",
    ),
    Locale(
        "Portuguese",
        ("America/Sao_Paulo", "Europe/Lisbon"),
        "João Conceição Luís Inês Gonçalo Letícia Tomás Júlia Caetano Antônia",
        "Gonçalves Araújo Magalhães Simões Guimarães Falcão Brandão Leitão Assunção Paixão",
    ),
    Locale(
        "Polish",
        ("Europe/Warsaw",),
        "Łukasz Małgorzata Paweł Jadwiga Żaneta Stanisław Bożena Michał Świętosława Grażyna",
        "Wójcik Kowalczyk Łęcki Dąbrowska Żak Śliwiński Kołodziej Jaźwińska Ćwik Błaszczyk",
    ),
    Locale(
        "Turkish",
        ("Europe/Istanbul",),
        "Işıl İbrahim Çağla Gökçe Şule Oğuz Ümit Özge Yiğit Ayşe",
        "Yıldız Öztürk Şahin Çelik Güneş Aydın Koç Doğan Kılıç Işık",
    ),
    Locale(
        "Icelandic",
        ("Atlantic/Reykjavik",),
        "Þórdís Guðmundur Æsa Ísólfur Ragnheiður Björgvin Sæunn Ólafur Hrafnhildur Þór",
        "Jónsdóttir Þorsteinsson Magnússon Sigurðardóttir Óskarsson Ægisdóttir Ívarsson Björnsdóttir Árnason "
        "Ásgeirsson",
    ),
    Locale(
        "Vietnamese",
        ("Asia/Ho_Chi_Minh",),
        "Nguyệt Đức Hương Tuấn Ánh Dũng Thảo Quốc Mỹ Phượng",
        "Nguyễn Trần Lê Phạm Huỳnh Võ Đặng Bùi Đỗ Ngô",
    ),
    Locale(
        "Yoruba",
        ("Africa/Lagos",),
        "Adébáyọ̀ Fúnmiláyọ̀ Ọláwálé Títílayọ̀ Ayọ̀délé Omótọ́lá Babátúndé Yétúndé Ṣadé Kọ́lá",
        "Adéyẹmí Ògúnlẹ́yẹ Afọláyan Akíntọ́lá Ọláníyan Bánkọ́lé Ọdúyẹmí Adéṣínà Fálétí Òjó",
    ),
    Locale(
        "Greek",
        ("Europe/Athens",),
        "Ελένη=eleni Γιώργος=giorgos Μαρία=maria Νίκος=nikos Σοφία=sofia Δημήτρης=dimitris Άννα=anna Θανάσης=thanasis "
        "Κατερίνα=katerina Οδυσσέας=odysseas",
        "Παπαδόπουλος=papadopoulos Οικονόμου=oikonomou Νικολάου=nikolaou Γεωργίου=georgiou Βασιλείου=vasileiou "
        "Δημητρίου=dimitriou Αγγελόπουλος=angelopoulos Μακρής=makris Ζέρβας=zervas Κωστόπουλος=kostopoulos",
    ),
    Locale(
        "Russian",
        ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok"),
        "Ольга=olga Иван=ivan Наталья=natalya Фёдор=fyodor Екатерина=ekaterina Юрий=yuri Алёна=alyona Сергей=sergei "
        "Людмила=lyudmila Григорий=grigori",
        "Соловьёв=solovyov Кузнецов=kuznetsov Щербаков=shcherbakov Журавлёв=zhuravlyov Орлов=orlov Цветков=tsvetkov "
        "Яковлев=yakovlev Мельник=melnik Ершов=yershov Быков=bykov",
    ),
    Locale(
        "Ukrainian",
        ("Europe/Kyiv",),
        "Оксана=oksana Юхим=yukhym Євген=yevhen Ґандзя=gandzya Тарас=taras Христина=khrystyna Богдан=bohdan "
        "Соломія=solomiya Ярослав=yaroslav Леся=lesya",
        "Шевченко=shevchenko Ковальчук=kovalchuk Гриценко=hrytsenko Заєць=zayets Кравець=kravets Лисенко=lysenko "
        "Поліщук=polishchuk Їжакевич=yizhakevych Ґалаґан=galagan Чорновіл=chornovil",
    ),
    Locale(
        "Arabic",
        ("Asia/Dubai", "Africa/Cairo", "Asia/Riyadh", "Africa/Casablanca"),
        "فاطمة=fatima محمد=muhammad ليلى=layla يوسف=yusuf مريم=maryam خالد=khalid نور=nour عمر=omar هدى=huda سامي=sami",
        "الحسن=alhasan منصور=mansour العلي=alali حداد=haddad الخطيب=alkhatib نجار=najjar صالح=saleh الشامي=alshami "
        "فاروق=farouk بركات=barakat",
    ),
    Locale(
        "Hebrew",
        ("Asia/Jerusalem",),
        "נועה=noa דוד=david תמר=tamar יונתן=yonatan מיכל=michal אורי=uri שירה=shira איתן=eitan רחל=rachel גיל=gil",
        "כהן=cohen לוי=levi מזרחי=mizrahi פרץ=peretz ביטון=biton אברהם=avraham פרידמן=friedman שלום=shalom "
        "ברק=barak גולן=golan",
    ),
    Locale(
        "Hindi",
        ("Asia/Kolkata",),
        "प्रिया=priya अर्जुन=arjun अनन्या=ananya रोहन=rohan दीपिका=deepika विक्रम=vikram मीरा=meera संजय=sanjay "
        "कविता=kavita आदित्य=aditya",
        "शर्मा=sharma वर्मा=verma सिंह=singh गुप्ता=gupta मिश्रा=mishra जोशी=joshi चौहान=chauhan अग्रवाल=agrawal "
        "त्रिपाठी=tripathi राठौर=rathore",
    ),
    Locale(
        "Chinese",
        ("Asia/Shanghai", "Asia/Singapore", "Asia/Hong_Kong"),
        "伟=wei 芳=fang 娜=na 秀英=xiuying 敏=min 静=jing 磊=lei 洋=yang 婷婷=tingting 国强=guoqiang",
        "王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang 欧阳=ouyang 赵=zhao 司马=sima 周=zhou",
    ),
    Locale(
        "Japanese",
        ("Asia/Tokyo",),
        "さくら=sakura 健太=kenta 陽菜=hina 大輔=daisuke 美咲=misaki 翔=sho ゆい=yui 拓也=takuya 葵=aoi 直樹=naoki",
        "佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 伊藤=ito 𠮷田=yoshida 小林=kobayashi "
        "山本=yamamoto 髙木=takagi",
    ),
    Locale(
        "Korean",
        ("Asia/Seoul",),
        "서연=seoyeon 민준=minjun 지우=jiwoo 하은=haeun 도윤=doyun 수빈=subin 현우=hyunwoo 예진=yejin 준호=junho "
        "유나=yuna",
        "김=kim 이=lee 박=park 최=choi 정=jung 강=kang 조=cho 윤=yoon 장=jang 남궁=namgung",
    ),
    Locale(
        "Thai",
        ("Asia/Bangkok",),
        "สมชาย=somchai ศิริพร=siriporn นภัสสร=napatsorn ธนกร=thanakorn อรทัย=orathai กิตติ=kitti พิมพ์ชนก=pimchanok "
        "วีระ=weera ชลธิชา=chonticha ณัฐวุฒิ=nattawut",
        "ใจดี=jaidee ศรีสุข=srisuk วงศ์สว่าง=wongsawang ทองคำ=thongkham แสงจันทร์=saengchan บุญมี=boonmee "
        "พรหมมา=phromma รัตนกุล=rattanakul สุขสันต์=suksan เจริญผล=charoenphon",
    ),
    Locale(
        "Georgian",
        ("Asia/Tbilisi",),
        "ნინო=nino გიორგი=giorgi თამარ=tamar ლევან=levan ქეთევან=ketevan ზურაბ=zurab მარიამ=mariam დავით=davit "
        "ელენე=elene ირაკლი=irakli",
        "ბერიძე=beridze კაპანაძე=kapanadze გელაშვილი=gelashvili მაისურაძე=maisuradze ჩხეიძე=chkheidze "
        "ლომიძე=lomidze ჯაფარიძე=japaridze წერეთელი=tsereteli ხუციშვილი=khutsishvili დვალი=dvali",
    ),
)


def romanised(name: str) -> tuple[str, str]:
    """Split `ნინო=nino`, or spell a Latin name in plain letters."""
    written, _, given = name.partition("=")
    plain = given or unicodedata.normalize("NFKD", written.lower().translate(LATIN))
    return written, re.sub(r"[^a-z]", "", plain)


def people() -> Iterator[Person]:
    """Yield 100 people of each language, the languages taking turns."""
    by_language = [itertools.product(locale.given.split(), locale.family.split()) for locale in LOCALES]
    for number, names in enumerate(zip(*by_language, strict=True)):
        for locale, (given, family) in zip(LOCALES, names, strict=True):
            first_name, first = romanised(given)
            last_name, last = romanised(family)
            yield Person(
                first_name=first_name,
                last_name=last_name,
                email=f"{first}.{last}.{locale.zones[0].rpartition('/')[2].lower()}@{DOMAINS[number % len(DOMAINS)]}",
                phone=locale.phone(number) if locale.phone else "",
                timezone=locale.zones[number % len(locale.zones)],
                language=locale.language,
            )
